// What users are told after the database went back to an older state (store/restore.h): a token
// that was made or rotated in the lost time cannot work any more, and limits whose use is unknown
// are refused. Each refusal is logged for the operator.
#pragma once
#include "service/authenticate.h"

namespace mytoken::service {

// True if the token's number was handed out in the lost time, or such a one of it was presented.
bool is_lost(const Authenticated& token);

// The refusal of such a token (invalid_token). The copy that the database knows has been replaced
// since, so it is refused from now on, too; nothing is revoked.
Task<Error> refuse_lost(Context& context, const Authenticated& token);

// The refusal of a validly signed token without a row: not_current(), unless it was made in lost
// time.
Task<Error> unknown_token(Context& context, const Authenticated& token);
// The same for a short token of which nothing is known.
Task<Error> unknown_short_token(Context& context);

// usage_restricted for a clause that counts as used up because of a restore.
Error uses_are_unknown(const Context& context, const Authenticated& token);

}  // namespace mytoken::service
