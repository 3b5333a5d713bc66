// Short tokens and transfer codes: digests that stand for a sealed JWT (spec tokens.md §2).
#pragma once
#include <optional>
#include <string>

#include "sql/connection.h"
#include "store/records.h"

namespace mytoken::store {

Result<void> add_proxy(sql::Transaction& db, const ProxyRow& proxy);
// nullopt: unknown, or of another kind.
Result<std::optional<ProxyRow>> proxy(sql::Connection& db, const std::string& id,
                                      std::string_view kind);
// Single use: exactly one caller gets the row. nullopt: unknown or already taken.
Result<std::optional<ProxyRow>> take_proxy(sql::Transaction& db, const std::string& id,
                                           std::string_view kind);
// The live proxies of a token, which stand for a JWT that was rotated away now; rotated-away short
// tokens, which have an expiry, stay to be recognised.
Result<void> delete_proxies_of(sql::Transaction& db, const std::string& mytoken_id);

}  // namespace mytoken::store
