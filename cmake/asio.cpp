// The one translation unit that compiles the bodies of asio and beast (the rest of the program sees
// declarations only).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
