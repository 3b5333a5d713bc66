// Marks what the shared library shows to programs; everything else in it is hidden.
#pragma once

#if defined(__GNUC__)
#define MYTOKEN_API __attribute__((visibility("default")))
#define MYTOKEN_HIDDEN __attribute__((visibility("hidden")))  // a part of something shown
#else
#define MYTOKEN_API
#define MYTOKEN_HIDDEN
#endif
