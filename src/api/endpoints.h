// The handlers of the table in routes.cpp; each is described in its own file.
#pragma once
#include "api/api.h"

namespace mytoken::api {

Task<http::Response> token_my(const Api& api, http::Request& request);
Task<http::Response> token_access(const Api& api, http::Request& request);
Task<http::Response> token_transfer(const Api& api, http::Request& request);
Task<http::Response> token_revoke(const Api& api, http::Request& request);
Task<http::Response> consent(const Api& api, http::Request& request);
Task<http::Response> tokeninfo(const Api& api, http::Request& request);
Task<http::Response> guest_configuration(const Api& api, http::Request& request);
Task<http::Response> guest_authorization(const Api& api, http::Request& request);
Task<http::Response> guest_token(const Api& api, http::Request& request);

Task<http::Response> tag_token(const Api& api, http::Request& request);
Task<http::Response> untag_token(const Api& api, http::Request& request);
Task<http::Response> list_tags(const Api& api, http::Request& request);
Task<http::Response> create_tag(const Api& api, http::Request& request);
Task<http::Response> change_tag(const Api& api, http::Request& request);
Task<http::Response> delete_tag(const Api& api, http::Request& request);

Task<http::Response> list_grants(const Api& api, http::Request& request);
Task<http::Response> enable_grant(const Api& api, http::Request& request);
Task<http::Response> disable_grant(const Api& api, http::Request& request);

}  // namespace mytoken::api
