// Between values of a request and texts of fields; see consent_form.h.
#include "web/consent_form.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/duration.h"
#include "base/encoding.h"
#include "web/words.h"

namespace mytoken::web {
namespace {

constexpr std::size_t most_clauses = 100;  // as in requests
constexpr std::size_t longest_name = 100;  // characters

constexpr std::array<TextField, 9> fields_of_clause{{
    {"exp", "exp", "Until", "UTC, such as 2026-01-31 12:00, or +7d from now. Empty: for ever."},
    {"nbf", "nbf", "From", "UTC, such as 2026-01-31 12:00, or +2h. Empty: at once."},
    {"hosts", "hosts", "Only from these hosts",
     "Addresses, networks such as 192.0.2.0/24, or names, separated by blanks; “this” is where the "
     "request came from. Empty: from everywhere."},
    {"usages_AT", "usages_AT", "Access tokens at most",
     "How often it may get an access token. Empty: without limit."},
    {"usages_other", "usages_other", "Other uses at most",
     "How often it may do anything else. Empty: without limit."},
    {"audience", "audience", "Only for these services",
     "Their addresses (audiences), separated by blanks. Empty: for all."},
    {"geoip_allow", "geoip_allow", "Only from these countries",
     "Two-letter codes such as DE FR. Empty: from all."},
    {"geoip_disallow", "geoip_disallow", "Not from these countries",
     "Two-letter codes. Empty: none is excluded."},
    {"other_scopes", "scope", "Further scopes",
     "Separated by blanks. No scope at all: every scope of the provider."},
}};

std::string joined(const std::vector<std::string>& entries) {
  return token::join(entries);
}

std::string text_of(const token::Clause& clause, std::string_view key) {
  if (key == "exp") return clause.exp ? date_text(*clause.exp) : "";
  if (key == "nbf") return clause.nbf ? date_text(*clause.nbf) : "";
  if (key == "hosts") return joined(clause.hosts);
  if (key == "audience") return joined(clause.audience);
  if (key == "geoip_allow") return joined(clause.geoip_allow);
  if (key == "geoip_disallow") return joined(clause.geoip_disallow);
  if (key == "usages_AT") return clause.usages_at ? std::to_string(*clause.usages_at) : "";
  if (key == "usages_other") return clause.usages_other ? std::to_string(*clause.usages_other) : "";
  return "";
}

std::vector<std::string> ticked_scopes(const token::Clause& clause) {
  std::vector<std::string> scopes;
  for (const std::string& scope : clause.scope) {
    if (!scope.empty() && std::find(scopes.begin(), scopes.end(), scope) == scopes.end())
      scopes.push_back(scope);
  }
  return scopes;
}

ClauseFields fields_of(const token::Clause& clause, std::size_t number) {
  ClauseFields fields;
  fields.number = number;
  for (const TextField& field : fields_of_clause)
    fields.texts.emplace(field.key, text_of(clause, field.key));
  fields.scopes = ticked_scopes(clause);
  return fields;
}

token::Clause asked_clause(const service::TokenWish& asked, std::size_t number) {
  return number < asked.restrictions.size() ? asked.restrictions[number] : token::Clause{};
}

std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > 10000)
    return std::nullopt;
  return number;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

// Words between blanks, line ends, or commas.
json::array entries(std::string text) {
  for (char& c : text) {
    if (c == '\t' || c == '\r' || c == '\n' || c == ',') c = ' ';
  }
  json::array list;
  for (const std::string& word : token::words(text))
    list.emplace_back(word);
  return list;
}

std::string_view advice(std::string_view key) {
  if (key == "exp" || key == "nbf")
    return "Please write a time such as 2026-01-31 12:00 (UTC) or +7d, or nothing.";
  if (key == "hosts")
    return "Please write addresses, networks such as 192.0.2.0/24, or host names, or nothing.";
  if (key == "geoip_allow" || key == "geoip_disallow")
    return "Please write two-letter country codes such as DE, or nothing.";
  if (key == "usages_AT" || key == "usages_other")
    return "Please write a whole number, 0 or more, or nothing.";
  return "This cannot be part of a token.";
}

// The value of a claim from the text of its field, by the rules of requests; nullopt: it is wrong.
std::optional<token::Clause> claim_from(std::string_view claim, const std::string& text,
                                        const std::vector<std::string>& scopes, Time now) {
  json::object object;
  if (claim == "exp" || claim == "nbf") {
    object[claim] = text;
  } else if (claim == "usages_AT" || claim == "usages_other") {
    if (text.empty()) return token::Clause{};
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    object[claim] = count;
  } else if (claim == "scope") {
    std::vector<std::string> words = scopes;
    for (const json::value& word : entries(text))
      words.emplace_back(word.as_string());
    object[claim] = token::join(words);
  } else {
    object[claim] = entries(text);
  }
  const json::value value(std::move(object));
  auto parsed = token::parse_restrictions(&value, now);
  if (!parsed) return std::nullopt;
  return parsed->empty() ? token::Clause{} : parsed->front();
}

void take_claim(token::Clause& to, std::string_view claim, const token::Clause& from) {
  if (claim == "exp") to.exp = from.exp;
  if (claim == "nbf") to.nbf = from.nbf;
  if (claim == "hosts") to.hosts = from.hosts;
  if (claim == "scope") to.scope = from.scope;
  if (claim == "audience") to.audience = from.audience;
  if (claim == "geoip_allow") to.geoip_allow = from.geoip_allow;
  if (claim == "geoip_disallow") to.geoip_disallow = from.geoip_disallow;
  if (claim == "usages_AT") to.usages_at = from.usages_at;
  if (claim == "usages_other") to.usages_other = from.usages_other;
}

token::Clause clause_from(const ClauseFields& fields, const service::TokenWish& asked, Time now,
                          std::map<std::string, std::string>& errors) {
  token::Clause clause = asked_clause(asked, fields.number);
  const ClauseFields before = fields_of(clause, fields.number);
  for (const TextField& field : fields_of_clause) {
    const std::string text = trimmed(fields.texts.find(field.key)->second);
    const bool is_scope = field.claim == "scope";
    if (text == before.texts.find(field.key)->second &&
        (!is_scope || fields.scopes == before.scopes)) {
      continue;
    }
    auto claim = claim_from(field.claim, text, is_scope ? fields.scopes : before.scopes, now);
    if (claim) {
      take_claim(clause, field.claim, *claim);
    } else {
      errors.emplace(field_name(fields.number, field.key), advice(field.key));
    }
  }
  const token::Clause unedited = asked_clause(asked, fields.number);
  const std::string exp = field_name(fields.number, "exp");
  if (clause.exp && clause.exp != unedited.exp && *clause.exp < now) {
    errors.emplace(exp, "This time is over already.");
  } else if (clause.exp && clause.nbf && *clause.exp < *clause.nbf) {
    errors.emplace(exp, "This is before the beginning.");
  }
  return clause;
}

// A tag that was asked for keeps its name to the letter, whatever that is.
void decide_tags(const ConsentFields& fields, const service::TokenWish& asked, Decision& decision) {
  std::vector<token::TagWish> tags;
  for (std::size_t i = 0; i < std::min(asked.tags.size(), fields.tags.size()); ++i) {
    if (fields.tags[i].kept) tags.push_back({asked.tags[i].name, fields.tags[i].include_children});
  }
  std::string_view left = fields.more_tags;
  while (!left.empty()) {
    const std::string_view entry = left.substr(0, left.find(','));
    left.remove_prefix(std::min(entry.size() + 1, left.size()));
    if (std::string name = trimmed(entry); !name.empty())
      tags.push_back({std::move(name), fields.more_tags_for_children});
  }
  const json::value list(token::to_json(tags));
  if (auto wanted = token::parse_tags(&list)) {
    decision.edits.tags = std::move(*wanted);
  } else {
    decision.errors.emplace("more_tags",
                            "Please write names of up to 64 characters without slashes, separated "
                            "by commas, or nothing; no more than 100 tags in all.");
  }
}

// The numbers of a repeated field, each below `end`.
Result<std::vector<std::size_t>> numbers_in(const http::Parameters& parameters,
                                            std::string_view field, std::size_t end) {
  auto entries = parameters.list(field);
  if (!entries) return tl::unexpected(entries.error());
  std::vector<std::size_t> numbers;
  for (const std::string& entry : *entries) {
    const auto number = number_of(entry);
    if (!number || *number >= end)
      return fail(invalid_request(std::string(field) + " must be a number of the form"));
    numbers.push_back(*number);
  }
  return numbers;
}

Result<void> read_tags(const http::Parameters& parameters, const service::TokenWish& asked,
                       ConsentFields& fields) {
  fields.tags.assign(asked.tags.size(), {false, false});
  auto kept = numbers_in(parameters, "tag", fields.tags.size());
  if (!kept) return tl::unexpected(kept.error());
  for (const std::size_t number : *kept)
    fields.tags[number].kept = true;
  auto for_children = numbers_in(parameters, "tag_children", fields.tags.size());
  if (!for_children) return tl::unexpected(for_children.error());
  for (const std::size_t number : *for_children)
    fields.tags[number].include_children = true;
  auto more = parameters.text("more_tags", false);
  if (more && *more) fields.more_tags = std::move(**more);
  fields.more_tags_for_children = parameters.has("more_tags_children");
  return {};
}

std::optional<Seconds> lifetime_from(const std::string& text) {
  if (text.empty()) return Seconds(0);
  const bool is_number = text.find_first_not_of("0123456789") == text.npos;
  return parse_duration(is_number ? text + "s" : text);
}

std::string lifetime_text(const std::optional<token::Rotation>& rotation) {
  return rotation && rotation->lifetime.count() > 0 ? duration_text(rotation->lifetime) : "";
}

}  // namespace

std::span<const TextField> text_fields() {
  return fields_of_clause;
}

std::string field_name(std::size_t clause, std::string_view key) {
  return "clause." + std::to_string(clause) + "." + std::string(key);
}

ConsentFields fields_of(const service::TokenWish& asked) {
  ConsentFields fields;
  fields.name = asked.name;
  fields.capabilities = asked.capabilities.value_or(token::Capabilities());
  for (std::size_t i = 0; i < std::max<std::size_t>(1, asked.restrictions.size()); ++i)
    fields.clauses.push_back(fields_of(asked_clause(asked, i), i));
  if (asked.rotation) {
    fields.on_at = asked.rotation->on_at;
    fields.on_other = asked.rotation->on_other;
    fields.auto_revoke = asked.rotation->auto_revoke;
  }
  fields.lifetime = lifetime_text(asked.rotation);
  for (const token::TagWish& tag : asked.tags)
    fields.tags.push_back({true, tag.include_children});
  return fields;
}

Result<ConsentFields> read_fields(const http::Parameters& parameters,
                                  const service::TokenWish& asked) {
  ConsentFields fields;
  const auto text = [&parameters](const std::string& name, std::string otherwise) {
    auto value = parameters.text(name, false);
    return value && *value ? std::move(**value) : std::move(otherwise);
  };
  fields.name = text("name", asked.name);
  auto capabilities = parameters.list("capability");
  if (!capabilities) return tl::unexpected(capabilities.error());
  fields.capabilities = token::without_duplicates(std::move(*capabilities));
  auto numbers = parameters.list("clause");
  if (!numbers) return tl::unexpected(numbers.error());
  if (numbers->size() > most_clauses) return fail(invalid_request("there are too many conditions"));
  for (const std::string& entry : *numbers) {
    const auto number = number_of(entry);
    if (!number) return fail(invalid_request("clause must be a number"));
    ClauseFields clause = fields_of(asked_clause(asked, *number), *number);
    for (auto& [key, value] : clause.texts)
      value = text(field_name(*number, key), std::move(value));
    auto scopes = parameters.list(field_name(*number, "scope"));
    if (!scopes) return tl::unexpected(scopes.error());
    clause.scopes = std::move(*scopes);
    fields.clauses.push_back(std::move(clause));
  }
  fields.on_at = parameters.has("on_AT");
  fields.on_other = parameters.has("on_other");
  fields.auto_revoke = parameters.has("auto_revoke");
  fields.lifetime = text("lifetime", lifetime_text(asked.rotation));
  if (auto r = read_tags(parameters, asked, fields); !r) return tl::unexpected(r.error());
  return fields;
}

void add_clause(ConsentFields& fields, const service::TokenWish& asked) {
  std::size_t number = asked.restrictions.size();
  for (const ClauseFields& clause : fields.clauses)
    number = std::max(number, clause.number + 1);
  if (fields.clauses.size() < most_clauses)
    fields.clauses.push_back(fields_of(token::Clause{}, number));
}

void remove_clause(ConsentFields& fields, std::string_view number) {
  std::erase_if(fields.clauses, [number](const ClauseFields& clause) {
    return std::to_string(clause.number) == number;
  });
}

Decision decide(const ConsentFields& fields, const service::TokenWish& asked, Time now) {
  Decision decision;
  auto& [edits, errors] = decision;
  if (characters(fields.name) > longest_name)
    errors.emplace("name", "Please write no more than 100 characters.");
  edits.name = fields.name;
  if (fields.capabilities.empty()) {
    errors.emplace("capability", "Please tick at least one: a token without any is of no use.");
  } else if (auto known = token::require_known(fields.capabilities); !known) {
    errors.emplace("capability", known.error().description);
  }
  edits.capabilities = fields.capabilities;
  decide_tags(fields, asked, decision);
  token::Restrictions clauses;
  for (const ClauseFields& clause : fields.clauses)
    clauses.push_back(clause_from(clause, asked, now, errors));
  // An empty clause permits everything, also beside others: that must have been asked for, and is
  // not what somebody says who leaves fields empty.
  std::erase_if(clauses, [&asked](const token::Clause& clause) {
    return clause.empty() && std::find(asked.restrictions.begin(), asked.restrictions.end(),
                                       clause) == asked.restrictions.end();
  });
  edits.restrictions = token::without_repetitions(std::move(clauses));
  edits.has_rotation = true;
  token::Rotation rotation{fields.on_at, fields.on_other, Seconds(0), fields.auto_revoke};
  if (const std::string text = trimmed(fields.lifetime); text == lifetime_text(asked.rotation)) {
    rotation.lifetime = asked.rotation ? asked.rotation->lifetime : Seconds(0);
  } else if (const auto lifetime = lifetime_from(text); lifetime && lifetime->count() >= 0) {
    rotation.lifetime = *lifetime;
  } else {
    errors.emplace("lifetime", "Please write a time such as 7d, 12h or 90m, or nothing.");
  }
  if (rotation != token::Rotation{} || rotation == asked.rotation) edits.rotation = rotation;
  return decision;
}

}  // namespace mytoken::web
