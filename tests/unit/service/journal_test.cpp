// The journal file: what survives a restart, a crash while writing, and a refusing disk.
#include "service/journal.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "base/encoding.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "unit/service/installation.h"

namespace mytoken::test {
namespace {

using service::Journal;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest()
      : folder(std::filesystem::temp_directory_path() / ("mytoken-journal-" + random_text(12))) {
    std::filesystem::create_directories(folder);
    file = folder / "journal";
  }
  ~JournalTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  std::unique_ptr<Journal> open_beside() {
    auto journal = Journal::open(file, log);
    EXPECT_TRUE(journal) << journal.error().cause;
    if (!journal) return nullptr;
    const auto bound = (*journal)->bind(installation);
    EXPECT_TRUE(bound) << bound.error().cause;
    return std::move(*journal);
  }
  // The journal of the next process: the one before has ended.
  Journal* open() {
    current.reset();
    current = open_beside();
    return current.get();
  }
  // The one line that stops the start; the file stays as it is.
  std::string refusal(const std::string& of = installation) {
    current.reset();
    const std::string before = bytes();
    auto journal = Journal::open(file, log);
    auto bound = journal ? (*journal)->bind(of) : Result<void>();
    EXPECT_FALSE(journal && bound);
    EXPECT_EQ(bytes(), before);
    const std::string line = journal ? bound.error().cause : journal.error().cause;
    EXPECT_NE(line.find("the journal " + file.string() + " "), std::string::npos) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    return line;
  }
  std::string bytes() const {
    if (!std::filesystem::is_regular_file(file)) return {};
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& text) const {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  }

  inline static const std::string installation = "11111111-2222-4333-8444-555555555555";
  CollectingLog log;
  std::filesystem::path folder;
  std::filesystem::path file;
  std::unique_ptr<Journal> current;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Bytes that would break a format that trusted them.
const std::string awkward("\n \0x\xff mytoken-journal-1 1 1", 25);

TEST_F(JournalTest, an_entry_is_there_after_a_restart_until_it_is_settled) {
  auto journal = open();
  EXPECT_EQ(std::filesystem::file_size(file), 0u) << "space is reserved, nothing written";
  ASSERT_TRUE(journal->append({7, 3, awkward}));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  journal = open();
  auto entry = journal->pending(7);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->version, 3);
  EXPECT_EQ(entry->sealed_token, awkward);
  EXPECT_FALSE(journal->pending(8));
  journal->settled(*entry);
  EXPECT_FALSE(journal->pending(7));
  EXPECT_EQ(bytes(), "");
  EXPECT_TRUE(open()->all().empty());
}

TEST_F(JournalTest, the_newest_entry_of_a_refresh_token_counts) {
  auto journal = open();
  ASSERT_TRUE(journal->append({7, 3, "three"}));
  ASSERT_TRUE(journal->append({8, 1, "other"}));
  ASSERT_TRUE(journal->append({7, 4, "four"}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(journal->pending(7)->sealed_token, "four");
    EXPECT_EQ(journal->all().size(), 2u);
    journal = open();
  }
  journal->settled({7, 3, "three"});  // late news of the former one
  EXPECT_EQ(journal->pending(7)->sealed_token, "four");
  journal->settled({7, 4, "four"});
  EXPECT_FALSE(journal->pending(7));
  EXPECT_NE(bytes(), "");  // the other one still needs the file
}

TEST_F(JournalTest, a_line_torn_at_any_byte_is_passed_over_and_the_next_entry_survives) {
  auto journal = open();
  ASSERT_TRUE(journal->append({1, 1, "first"}));
  const std::string first = bytes();
  ASSERT_TRUE(journal->append({2, 1, "second"}));
  const std::string both = bytes();
  for (std::size_t size = first.size(); size < both.size(); ++size) {
    write(both.substr(0, size));
    journal = open();
    ASSERT_TRUE(journal) << size;
    EXPECT_TRUE(journal->pending(1));
    EXPECT_EQ(journal->pending(2).has_value(), size == both.size() - 1) << size;
    ASSERT_TRUE(journal->append({3, 9, "third"}));
    journal = open();
    ASSERT_TRUE(journal) << size;
    EXPECT_EQ(journal->pending(1)->sealed_token, "first");
    ASSERT_TRUE(journal->pending(3)) << size;
    EXPECT_EQ(journal->pending(3)->version, 9);
  }
}

TEST_F(JournalTest, damage_in_the_middle_stops_the_start_and_says_what_to_do) {
  auto journal = open();
  ASSERT_TRUE(journal->append({1, 1, "first"}));
  ASSERT_TRUE(journal->append({2, 1, "second"}));
  const std::string good = bytes();
  for (std::size_t i = 0; i < good.find('\n'); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    if (bad[i] == '\n') continue;
    write(bad);
    current.reset();
    auto opened = Journal::open(file, log);
    ASSERT_FALSE(opened) << i;
    EXPECT_NE(opened.error().cause.find("is damaged"), std::string::npos);
    EXPECT_EQ(bytes(), bad);
  }
  write("\n" + good);
  EXPECT_FALSE(Journal::open(file, log));
}

TEST_F(JournalTest, a_folder_in_its_place_is_an_error) {
  std::filesystem::create_directory(file);
  EXPECT_TRUE(has(refusal(), "is no file: name another one in database.journal"));
}

TEST_F(JournalTest, the_first_line_names_the_installation) {
  auto journal = open();
  ASSERT_TRUE(journal->append({1, 1, "first"}));
  ASSERT_TRUE(journal->append({2, 1, "second"}));
  const std::string text = bytes();
  EXPECT_TRUE(text.starts_with("mytoken-journal-2 installation " + installation + " ")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_EQ(open()->all().size(), 2u);
  EXPECT_EQ(bytes(), text);
}

TEST_F(JournalTest, one_of_another_installation_is_refused_as_it_is) {
  ASSERT_TRUE(open()->append({1, 1, "first"}));
  const std::string line = refusal("99999999-2222-4333-8444-555555555555");
  EXPECT_TRUE(has(line, "belongs to another installation (" + installation + ")")) << line;
  EXPECT_TRUE(has(line, "database.journal")) << line;
}

TEST_F(JournalTest, an_emptied_one_belongs_to_nobody) {
  auto journal = open();
  ASSERT_TRUE(journal->append({1, 1, "first"}));
  journal->settled({1, 1, "first"});
  current.reset();
  auto other = Journal::open(file, log);
  ASSERT_TRUE(other);
  EXPECT_EQ((*other)->installation(), "");
  EXPECT_TRUE((*other)->bind("another"));
}

TEST_F(JournalTest, one_of_an_earlier_version_gets_its_owner) {
  ASSERT_TRUE(open()->append({1, 1, "first"}));
  const std::string text = bytes();
  const std::string old = text.substr(text.find('\n') + 1);  // as it was written before
  for (const std::string& form : {old, old.substr(0, old.size() - 1)}) {
    current.reset();
    write(form);
    auto unread = Journal::open(file, log);
    ASSERT_TRUE(unread);
    EXPECT_EQ((*unread)->installation(), "");
    EXPECT_FALSE((*unread)->is_empty());
    EXPECT_EQ(bytes(), form);
    auto journal = open();
    EXPECT_EQ(journal->pending(1)->sealed_token, "first");
    EXPECT_EQ(bytes(), old + text.substr(0, text.find('\n') + 1));
    ASSERT_TRUE(journal->append({2, 1, "second"}));
    EXPECT_EQ(open()->all().size(), 2u);
    EXPECT_TRUE(has(refusal("another"), "belongs to another installation"));
  }
}

TEST_F(JournalTest, one_of_a_later_version_or_of_something_else_is_refused_as_it_is) {
  const auto line = [](const std::string& body) {
    return body + " " + hex(crypto::sha256(body)) + "\n";
  };
  write(line("mytoken-journal-3 something new"));
  EXPECT_TRUE(has(refusal(), "is of a later version: update this program"));
  write(line("the diary of somebody else"));
  EXPECT_TRUE(has(refusal(), "is of something else"));
  write("the diary of somebody else\nsecond page\n");
  EXPECT_TRUE(has(refusal(), "is damaged"));
}

TEST_F(JournalTest, without_a_folder_to_write_to_the_start_is_refused) {
  file = folder / "missing" / "journal";
  EXPECT_TRUE(has(refusal(), "cannot be written (No such file or directory)"));
}

TEST_F(JournalTest, a_successor_beside_its_predecessor_has_a_file_of_its_own) {
  auto old = open_beside();
  ASSERT_TRUE(old->append({1, 1, "first"}));
  const std::string before = bytes();
  auto successor = open_beside();
  ASSERT_TRUE(successor);
  EXPECT_TRUE(successor->all().empty());  // the old one still settles its own
  ASSERT_TRUE(successor->append({2, 1, "second"}));
  EXPECT_EQ(bytes(), before);
  EXPECT_TRUE(std::filesystem::exists(file.string() + ".next"));
  const auto third = Journal::open(file, log);
  ASSERT_FALSE(third);
  EXPECT_TRUE(has(third.error().cause, "is in use by two other servers")) << third.error().cause;

  // What the old one could not settle is the successor's.
  ASSERT_TRUE(old->append({3, 1, "third"}));
  successor->adopt_leftovers();
  EXPECT_EQ(successor->all().size(), 1u);
  old.reset();
  successor->adopt_leftovers();
  EXPECT_EQ(successor->all().size(), 3u);
  EXPECT_EQ(bytes(), "");

  // The next one begins with the first file again and finds everything.
  auto next = open_beside();
  EXPECT_TRUE(next->all().empty());
  successor.reset();
  next->adopt_leftovers();
  EXPECT_EQ(next->all().size(), 3u);
  next.reset();
  EXPECT_EQ(open()->all().size(), 3u);
}

TEST_F(JournalTest, leftovers_of_another_installation_stay_where_they_are) {
  ASSERT_TRUE(open()->append({1, 1, "first"}));
  current.reset();
  std::filesystem::rename(file, file.string() + ".next");
  auto other = Journal::open(file, log);
  ASSERT_TRUE(other && (*other)->bind("another"));
  EXPECT_TRUE((*other)->all().empty());
  EXPECT_NE(std::filesystem::file_size(file.string() + ".next"), 0u);
  EXPECT_TRUE(has(log.text(), "a journal is left over"));
}

TEST_F(JournalTest, nothing_is_appended_before_it_is_bound) {
  auto journal = Journal::open(file, log);
  ASSERT_TRUE(journal);
  EXPECT_FALSE((*journal)->append({1, 1, "first"}));
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(JournalTest, what_the_disk_refuses_is_known_as_long_as_the_process_lives) {
  file = folder / "gone" / "journal";
  std::filesystem::create_directory(folder / "gone");
  auto journal = open();
  std::filesystem::remove_all(folder / "gone");
  EXPECT_FALSE(journal->append({7, 3, "three"}));
  EXPECT_EQ(journal->pending(7)->sealed_token, "three");
  EXPECT_EQ(journal->make_safe().error().status, 503);
  journal->settled({7, 3, "three"});
  EXPECT_TRUE(journal->all().empty());
  EXPECT_TRUE(journal->make_safe());
}

TEST_F(JournalTest, what_the_disk_refused_is_written_before_more_is_put_at_risk) {
  file = folder / "gone" / "journal";
  std::filesystem::create_directory(folder / "gone");
  auto journal = open();
  std::filesystem::remove_all(folder / "gone");
  EXPECT_FALSE(journal->append({7, 3, "three"}));
  std::filesystem::create_directory(folder / "gone");
  EXPECT_TRUE(journal->make_safe());
  EXPECT_EQ(open()->pending(7)->sealed_token, "three");
}

TEST_F(JournalTest, space_is_reserved_before_it_is_needed) {
  open();
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, 1 << 18);
  EXPECT_EQ(status.st_size, 0);
}

TEST_F(JournalTest, a_write_cut_short_leaves_no_half_line) {
  auto journal = open();
  ASSERT_TRUE(journal->append({1, 1, "first"}));
  const std::string before = bytes();
  // The disk takes 20 more bytes.
  struct rlimit usual {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
  struct rlimit small = usual;
  small.rlim_cur = before.size() + 20;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto refused = journal->append({2, 1, "second"});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &usual), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(refused);
  EXPECT_EQ(bytes(), before);
  EXPECT_TRUE(journal->pending(2));
  ASSERT_TRUE(journal->append({3, 1, "third"}));
  EXPECT_TRUE(open()->pending(3));
}

}  // namespace
}  // namespace mytoken::test
