// Marks what the shared library shows to programs; everything else in it is hidden.
#pragma once

#if defined(__GNUC__)
#define MYTOKEN_API __attribute__((visibility("default")))
#else
#define MYTOKEN_API
#endif
