// First without the database, which most requests do not need; see templates.h.
#include "service/templates.h"

#include "store/profiles.h"

namespace mytoken::service {
namespace {

// `work` is a function Result<T>(TemplateResolver&).
template <class Work>
auto with_templates(Context& context, const Work& work)
    -> Task<std::invoke_result_t<const Work&, token::TemplateResolver&>> {
  bool names_one = false;
  token::TemplateResolver alone(
      [&names_one](token::TemplateKind,
                   const token::TemplateName&) -> Result<std::optional<json::value>> {
        names_one = true;
        return fail(internal_error("a template is wanted"));
      });
  auto result = work(alone);
  if (!names_one) co_return result;
  auto read = [&work](sql::Connection& db) {
    token::TemplateResolver resolver(stored_templates(db));
    return work(resolver);
  };
  co_return co_await context.database.read(read);
}

}  // namespace

token::TemplateResolver::Lookup stored_templates(sql::Connection& db) {
  return [&db](token::TemplateKind kind,
               const token::TemplateName& name) -> Result<std::optional<json::value>> {
    auto payload = store::profile_payload(db, token::name(kind), name.group, name.name);
    if (!payload) return tl::unexpected(payload.error());
    if (!*payload) return std::optional<json::value>();
    auto value = parse_json(**payload);
    if (!value) {
      return fail(internal_error("template " + name.group + "/" + name.name +
                                 " is damaged: " + value.error().description));
    }
    return std::optional<json::value>(std::move(*value));
  };
}

Task<Result<json::object>> resolve_request(Context& context, json::object request) {
  const json::value value(std::move(request));
  auto work = [&value](token::TemplateResolver& resolver) { return resolver.request(value); };
  co_return co_await with_templates(context, work);
}

Task<Result<token::Restrictions>> resolve_restrictions(Context& context, json::value value) {
  auto work = [&value](token::TemplateResolver& resolver) { return resolver.restrictions(value); };
  auto clauses = co_await with_templates(context, work);
  if (!clauses) co_return tl::unexpected(clauses.error());
  const json::value list = *clauses ? json::value(std::move(**clauses)) : json::value();
  auto restrictions = token::parse_restrictions(&list, context.clock.now());
  if (!restrictions) co_return tl::unexpected(restrictions.error());
  co_return token::without_repetitions(std::move(*restrictions));
}

}  // namespace mytoken::service
