// settings/tags and token/my/tags: a user's tags and the tokens that carry them (spec settings.md
// §5, api.md §§4.9, 9).
#include "service/tags.h"
#include "api/common.h"
#include "api/endpoints.h"

namespace mytoken::api {
namespace {

using http::Parameters;
using http::Request;
using http::Response;

// The name in the path, which is decoded there.
Result<std::string> tag_of_path(const Request& request) {
  std::string name = request.path_parameters.at(0);
  if (auto r = token::check_tag(name); !r) return tl::unexpected(r.error());
  return name;
}

// "" if none is given.
Result<std::string> color_of(const Parameters& parameters) {
  auto text = parameters.text("color");
  if (!text) return tl::unexpected(text.error());
  if (!*text) return std::string();
  return token::parse_color(**text);
}

Result<service::TagAssignment> parse_assignment(const Parameters& parameters) {
  service::TagAssignment assignment;
  auto tag = parameters.text("tag");
  if (!tag) return tl::unexpected(tag.error());
  assignment.tag = tag->value_or("");
  if (auto r = token::check_tag(assignment.tag); !r) return tl::unexpected(r.error());
  auto mom_id = parameters.text("mom_id");
  if (!mom_id) return tl::unexpected(mom_id.error());
  assignment.mom_id = mom_id->value_or("");
  auto with_children = parameters.boolean("include_children");
  if (!with_children) return tl::unexpected(with_children.error());
  assignment.include_children = with_children->value_or(false);
  return assignment;
}

using Assign = Task<Result<service::OperationAnswer>> (*)(service::Context&,
                                                          service::OperationRequest,
                                                          service::TagAssignment);

Task<Response> assign(const Api& api, Request& request, Assign change) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto assignment = parse_assignment(*parameters);
  if (!assignment) co_return error_answer(api, assignment.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto done =
      co_await change(api.context, operation_request(request, std::move(presented->presentation)),
                      std::move(*assignment));
  co_return operation_answer(api, request, presented->source, std::move(done), 204);
}

}  // namespace

Task<Response> tag_token(const Api& api, Request& request) {
  return assign(api, request, service::tag_token);
}

Task<Response> untag_token(const Api& api, Request& request) {
  return assign(api, request, service::untag_token);
}

Task<Response> list_tags(const Api& api, Request& request) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto tags = co_await service::list_tags(
      api.context, operation_request(request, std::move(presented->presentation)));
  co_return operation_answer(api, request, presented->source, std::move(tags));
}

Task<Response> create_tag(const Api& api, Request& request) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto name = tag_of_path(request);
  if (!name) co_return error_answer(api, name.error(), request);
  auto color = color_of(*parameters);
  if (!color) co_return error_answer(api, color.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto done = co_await service::create_tag(
      api.context, operation_request(request, std::move(presented->presentation)), std::move(*name),
      std::move(*color));
  co_return operation_answer(api, request, presented->source, std::move(done), 204);
}

Task<Response> change_tag(const Api& api, Request& request) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto name = tag_of_path(request);
  if (!name) co_return error_answer(api, name.error(), request);
  store::TagChange change;
  auto new_name = parameters->text("tag");
  if (!new_name) co_return error_answer(api, new_name.error(), request);
  if (*new_name) {
    if (auto r = token::check_tag(**new_name); !r) co_return error_answer(api, r.error(), request);
    change.name = std::move(*new_name);
  }
  auto color = color_of(*parameters);
  if (!color) co_return error_answer(api, color.error(), request);
  if (!color->empty()) change.color = std::move(*color);
  if (!change.name && !change.color) {
    co_return error_answer(api, invalid_request("tag or color must be given"), request);
  }
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto done = co_await service::change_tag(
      api.context, operation_request(request, std::move(presented->presentation)), std::move(*name),
      std::move(change));
  co_return operation_answer(api, request, presented->source, std::move(done), 204);
}

Task<Response> delete_tag(const Api& api, Request& request) {
  auto parameters = Parameters::parse(request);
  if (!parameters) co_return error_answer(api, parameters.error(), request);
  auto name = tag_of_path(request);
  if (!name) co_return error_answer(api, name.error(), request);
  auto presented = require_token(api, request, *parameters);
  if (!presented) co_return error_answer(api, presented.error(), request);
  auto done = co_await service::delete_tag(
      api.context, operation_request(request, std::move(presented->presentation)),
      std::move(*name));
  co_return operation_answer(api, request, presented->source, std::move(done), 204);
}

}  // namespace mytoken::api
