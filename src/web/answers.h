// Answers that all pages share.
#pragma once
#include <string>

#include "http/message.h"
#include "web/web.h"

namespace mytoken::web {

// A page; it is not kept by caches and runs no scripts.
http::Response html(int status, std::string body);
// An error as the API words it, with its line in the log.
http::Response refuse(const Web& web, const http::Request& request, const Error& error);
// Of the secret that ties a login to its browser.
std::string cookie_name(const Web& web);

}  // namespace mytoken::web
