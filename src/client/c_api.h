// What the files of the C interface share: the handles, and the wall that no exception passes.
#pragma once
#include <mytoken/client.h>
#include <mytoken/mytoken.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/json.h"

// NOLINTBEGIN(readability-identifier-naming): C names
struct mytoken_stop {
  std::stop_source source;
};
struct mytoken_options {
  mytoken::client::Options options;
};
struct mytoken_client {
  // Shared, because a login lives on without the handle.
  std::shared_ptr<mytoken::client::Client> client;
};
struct mytoken_token {
  std::shared_ptr<mytoken::client::TokenSource> source;
};
struct mytoken_answer {
  mytoken::Secret token;
  long expires_in = -1;
  mytoken::Secret json;
  mytoken::Secret successor;
  std::optional<mytoken::client::ClientError> not_stored;
};
struct mytoken_login {
  std::shared_ptr<mytoken::client::Client> client;
  mytoken::client::Authorization authorization;
  std::stop_source cancelled;
};
// NOLINTEND(readability-identifier-naming)

namespace mytoken::client::c {

// Fills `error`, if there is one. The result is the error's.
mytoken_result report(const ClientError& problem, mytoken_error* error);
mytoken_result report_internal(const char* what, mytoken_error* error);

// What `work` (an Outcome<void>) comes to; whatever it throws becomes MYTOKEN_INTERNAL.
template <class Work>
mytoken_result guarded(mytoken_error* error, const Work& work) noexcept {
  try {
    Outcome<void> outcome = work();
    if (!outcome) return report(outcome.error(), error);
    if (error) *error = mytoken_error{};
    return MYTOKEN_OK;
  } catch (const std::exception& problem) {
    return report_internal(problem.what(), error);
  } catch (...) {
    return report_internal("unknown", error);
  }
}

// "" for NULL.
std::string text_of(const char* text);
Failure is_null(const char* what);  // usage: "<what> must not be NULL"
Call call_of(const mytoken_call* call);
// A text for mytoken_free(). Throws std::bad_alloc.
char* copy_of(std::string_view text);

// `update` becomes the successor of `answer`.
void put_update(mytoken_answer& answer, std::optional<TokenUpdate> update);
std::unique_ptr<mytoken_answer> answer_of(AccessToken token);
std::unique_ptr<mytoken_answer> answer_of(Mytoken token);
std::unique_ptr<mytoken_answer> answer_of(Document document);
std::unique_ptr<mytoken_answer> answer_of(Done done);

// Hands the value of `outcome` to `answer`, if somebody wants it.
template <class Answer>
Outcome<void> give(Outcome<Answer> outcome, mytoken_answer** answer) {
  if (!outcome) return failure(std::move(outcome.error()));
  // Without an answer nobody would learn of a successor that could not be stored.
  if (!answer && outcome->token_update && outcome->token_update->not_stored) {
    ClientError error = *outcome->token_update->not_stored;
    error.unsaved = std::make_shared<const Secret>(outcome->token_update->mytoken);
    return failure(std::move(error));
  }
  auto made = answer_of(std::move(*outcome));
  if (answer) *answer = made.release();
  return {};
}

// A request of members as the API names them. Error usage: no JSON object.
Outcome<MytokenRequest> request_of(const char* json);

}  // namespace mytoken::client::c
