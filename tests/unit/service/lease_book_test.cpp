// The book of held leases: what a process that died leaves is found, what a living one has is not.
#include "service/lease_book.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

namespace mytoken::service {
namespace {

struct LeaseBooks : testing::Test {
  LeaseBooks() {
    std::string name = (std::filesystem::temp_directory_path() / "leases-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~LeaseBooks() override { std::filesystem::remove_all(folder); }

  std::unique_ptr<LeaseBook> open(const std::string& owner) const {
    auto book = std::make_unique<LeaseBook>();
    EXPECT_TRUE(book->open(prefix(), owner));
    return book;
  }
  std::filesystem::path prefix() const { return folder / "journal.leases"; }
  std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(folder), {});
  }
  // What a process with this owner leaves that is killed while it holds 7 and 9.
  void leave(const std::string& owner) const {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto book = open(owner);
      const auto seven = book->enter(7);
      { const auto eight = book->enter(8); }
      const auto nine = book->enter(9);
      ::raise(SIGKILL);
    }
    ::waitpid(child, nullptr, 0);
  }

  std::filesystem::path folder;
};

TEST_F(LeaseBooks, what_a_killed_process_held_is_found_once) {
  leave("the former");
  const auto book = open("the next");
  const auto left = book->leftovers();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].owner, "the former");
  EXPECT_EQ(left[0].refresh_token_ids, (std::vector<std::int64_t>{7, 9}));
  book->settled(left[0]);
  EXPECT_TRUE(book->leftovers().empty());
  EXPECT_TRUE(open("one more")->leftovers().empty());
}

TEST_F(LeaseBooks, what_is_not_settled_is_found_again) {
  leave("the former");
  EXPECT_EQ(open("the next")->leftovers().size(), 1u);
  EXPECT_EQ(open("one more")->leftovers().size(), 1u);
}

TEST_F(LeaseBooks, the_book_of_a_process_that_lives_is_left_alone) {
  const auto book = open("alive");
  const auto entry = book->enter(5);
  EXPECT_TRUE(open("another")->leftovers().empty());
}

TEST_F(LeaseBooks, a_book_without_leases_goes_with_its_process) {
  {
    const auto book = open("tidy");
    const auto entry = book->enter(5);
    EXPECT_EQ(files(), 1);
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(LeaseBooks, a_lease_that_may_not_have_ended_stays_until_it_is_dropped) {
  const auto book = open("alive");
  {
    auto entry = book->enter(5);
    entry.keep();
  }
  EXPECT_EQ(book->kept(), (std::vector<std::int64_t>{5}));
  { const auto used_again = book->enter(5); }
  EXPECT_TRUE(book->kept().empty());
  {
    auto entry = book->enter(6);
    entry.keep();
  }
  book->drop(6);
  EXPECT_TRUE(book->kept().empty());
}

TEST_F(LeaseBooks, without_a_file_it_works_in_memory) {
  LeaseBook book;
  {
    auto entry = book.enter(5);
    entry.keep();
  }
  EXPECT_EQ(book.kept(), (std::vector<std::int64_t>{5}));
  EXPECT_TRUE(book.leftovers().empty());
}

TEST_F(LeaseBooks, a_file_that_is_no_book_is_left_alone) {
  { std::ofstream(prefix().string() + "-x") << "short"; }
  EXPECT_TRUE(open("any")->leftovers().empty());
  EXPECT_EQ(files(), 1);
}

TEST_F(LeaseBooks, a_folder_that_is_missing_is_an_error) {
  LeaseBook book;
  EXPECT_FALSE(book.open(folder / "missing" / "journal.leases", "any"));
}

}  // namespace
}  // namespace mytoken::service
