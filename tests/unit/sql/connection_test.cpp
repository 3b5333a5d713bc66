// What a connection of SQLite promises beyond values_conformance_test.cpp.
#include <limits>
#include <stdexcept>

#include "unit/sql/fixture.h"

namespace mytoken::sql {
namespace {

using Connections = SqliteTest;

TEST_F(Connections, text_and_blob_keep_nul_and_non_ascii_bytes) {
  open_with("CREATE TABLE v (id INTEGER PRIMARY KEY, t TEXT, b BLOB) STRICT;");
  const std::string text("a\0b\xc3\xa4\xf0\x9f\x94\x91\0", 10);
  std::string bytes;
  for (int i = 0; i < 256; ++i)
    bytes.push_back(static_cast<char>(i));
  ASSERT_TRUE(write("INSERT INTO v (id, t, b) VALUES (1, $1, $2)", text, Blob{bytes}));
  auto done = database->read_now([&](Connection& connection) -> Result<void> {
    auto row =
        connection.one("SELECT t, b, length(b), typeof(t), typeof(b) FROM v", [](const Row& r) {
          return std::tuple(r.string(0), r.bytes(1), r.integer(2), r.string(3), r.string(4));
        });
    EXPECT_EQ(**row, std::tuple(text, bytes, 256, std::string("text"), std::string("blob")));
    return {};
  });
  EXPECT_TRUE(done);
}

TEST_F(Connections, parameters_are_bound_by_their_number_and_not_by_their_order) {
  open();
  EXPECT_EQ(number("SELECT $2 * 100 + $1 * 10 + $2", 3, 7), 737);
  EXPECT_EQ(
      number("SELECT $11 - $10 WHERE '$3' <> $1 || $2 || $3 || $4 || $5 || $6 || $7 || $8 || $9", 1,
             2, 3, 4, 5, 6, 7, 8, 9, 10, 21),
      11);
}

TEST_F(Connections, a_function_cannot_end_the_transaction_it_shares) {
  open_with("CREATE TABLE v (a INTEGER) STRICT;");
  for (auto* sql :
       {"COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT x", "RELEASE piece", "ATTACH 'x' AS y"}) {
    auto done = database->write_now([&](Transaction& transaction) -> Result<void> {
      EXPECT_TRUE(transaction.execute("INSERT INTO v VALUES (1)"));
      auto ran = transaction.execute(sql);
      return ran ? Result<void>() : fail(ran.error());
    });
    ASSERT_FALSE(done) << sql;
    EXPECT_EQ(done.error().status, 500);
  }
  EXPECT_EQ(number("SELECT count(*) FROM v"), 0);
}

}  // namespace
}  // namespace mytoken::sql
