// Short ways to mytokens with this or that, for tests of what can be done with them.
#pragma once
#include "unit/service/installation.h"

namespace mytoken::test {

inline service::TokenWish able_to(token::Capabilities capabilities, std::string name = {}) {
  service::TokenWish wish;
  wish.capabilities = std::move(capabilities);
  wish.name = std::move(name);
  return wish;
}

// Good for so many access tokens.
inline service::TokenWish with_usages(std::int64_t at) {
  service::TokenWish wish;
  token::Clause clause;
  clause.usages_at = at;
  wish.restrictions = {clause};
  return wish;
}

struct Made {
  Secret token;
  std::string mom_id;
};
inline Made child_of(Installation& site, const Secret& parent, service::TokenWish wish = {}) {
  service::SubtokenRequest request;
  request.presentation = site.present(parent);
  request.wish = std::move(wish);
  auto made = site.run(service::make_subtoken(*site.context, request));
  EXPECT_TRUE(made) << made.error().description;
  if (!made) return {};
  return {Secret(std::string(string_member(made->body, "mytoken"))),
          std::string(string_member(made->body, "mom_id"))};
}

}  // namespace mytoken::test
