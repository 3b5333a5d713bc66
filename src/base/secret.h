// The class is public, because libmytoken hands tokens to programs in it.
#pragma once
#include <mytoken/secret.h>  // IWYU pragma: export
