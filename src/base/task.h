// The coroutine type of everything that waits: an asio awaitable on a fixed executor type (no type
// erasure). House rule for GCC 12: give a temporary that owns memory (a lambda with captures, a
// braced aggregate) a name before a co_await expression that uses it; the compiler destroys such
// temporaries twice otherwise.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mytoken {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;

template <class T>
using Task = asio::awaitable<T, Executor>;

// Completion token: `co_await timer.async_wait(use_task)`.
inline constexpr asio::use_awaitable_t<Executor> use_task{};

}  // namespace mytoken
