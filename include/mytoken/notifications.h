// What a server tells people about their mytokens: notifications by mail, and calendars of
// expirations. Whoever has the management code of a notification, or the address of a calendar's
// feed, may use it: treat both like passwords. Lists in requests are sent sorted and without
// duplicates. Functions over Client::exchange; all errors are those of Client, and not_supported if
// the server lacks the function. Source: spec notifications.md §3 and §7.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mytoken/client.h>
#include <mytoken/settings.h>

namespace mytoken::client {

struct Notification {
  std::int64_t id = 0;
  std::string type;  // mail, ws
  std::string management_code;
  bool user_wide = false;                      // about all mytokens of the user
  std::vector<std::string> classes;            // sorted
  std::vector<std::string> subscribed_tokens;  // mom_ids; sorted
  // With the tokens found by tag, if the server counts them.
  std::optional<std::int64_t> total_subscribed_tokens;
  std::vector<Tag> tags;      // by name
  std::string owner_issuer;   // get_notification() only
  std::string owner_subject;  // get_notification() only
};
struct NotificationList {
  std::vector<Notification> notifications;  // newest first
  std::string json;                         // the answer: an object as text, without token_update
  std::optional<TokenUpdate> token_update;
};
struct NotificationRequest {
  std::string type;                  // mail, ics_invite (one mail with a calendar entry)
  std::vector<std::string> classes;  // of mail; see notification_classes()
  std::string mom_id;                // of another mytoken; "" = the presented one
  bool include_children = false;
  bool user_wide = false;
  std::vector<std::string> tags;  // also about all mytokens with one of them
  std::string comment;            // of ics_invite
};
struct CreatedNotification {
  std::string management_code;  // "" for an invite
  std::optional<TokenUpdate> token_update;
};
// What is absent stays, what is given replaces the whole set.
struct NotificationChange {
  std::optional<std::vector<std::string>> classes;
  std::optional<std::vector<std::string>> tags;
};

struct NotificationClass {
  const char* name;  // with its place in the tree: "security:ips" is below "security"
  const char* description;
};
// In the order of their tree. Who asks for one gets what is below it, too.
MYTOKEN_API const std::vector<NotificationClass>& notification_classes();

// Capability read@manage_mytokens:notify.
MYTOKEN_API Outcome<NotificationList> list_notifications(Client& client, TokenLease& lease,
                                                         const Call& call = {});
// Capability tokeninfo:notify; with mom_id or user_wide manage_mytokens:notify. Error server with
// code mail_required: the user has no verified address.
MYTOKEN_API Outcome<CreatedNotification> create_notification(Client& client, TokenLease& lease,
                                                             const NotificationRequest& request,
                                                             const Call& call = {});
// The management code authorises what follows; a lease may be given all the same, and must be where
// its own mytoken is meant. Error server with http_status 404: there is no such code.
MYTOKEN_API Outcome<Notification> get_notification(Client& client,
                                                   const std::string& management_code,
                                                   const Call& call = {});
// Error usage: nothing to change.
MYTOKEN_API Outcome<Done> update_notification(Client& client, TokenLease* lease,
                                              const std::string& management_code,
                                              const NotificationChange& change,
                                              const Call& call = {});
MYTOKEN_API Outcome<Done> delete_notification(Client& client, TokenLease* lease,
                                              const std::string& management_code,
                                              const Call& call = {});
// `mom_id` "" = the mytoken of the lease.
MYTOKEN_API Outcome<Done> add_notification_token(Client& client, TokenLease* lease,
                                                 const std::string& management_code,
                                                 const std::string& mom_id = "",
                                                 bool include_children = false,
                                                 const Call& call = {});
MYTOKEN_API Outcome<Done> remove_notification_token(Client& client, TokenLease* lease,
                                                    const std::string& management_code,
                                                    const std::string& mom_id = "",
                                                    const Call& call = {});

struct Calendar {
  std::string id;
  std::string ics_path;  // address of the feed
  std::string description;
  std::vector<Tag> tags;                       // by name
  std::vector<std::string> subscribed_tokens;  // mom_ids; sorted
};
struct CalendarList {
  std::vector<Calendar> calendars;  // by id
  std::string json;                 // the answer: an object as text, without token_update
  std::optional<TokenUpdate> token_update;
};
struct CalendarAnswer {
  Calendar calendar;
  std::string json;
  std::optional<TokenUpdate> token_update;
};
// What is absent stays, what is given replaces the whole.
struct CalendarChange {
  std::optional<std::string> description;
  std::optional<std::vector<std::string>> tags;
};

// Capability read@manage_mytokens:notify.
MYTOKEN_API Outcome<CalendarList> list_calendars(Client& client, TokenLease& lease,
                                                 const Call& call = {});
// One of the list. Error server with code not_found.
MYTOKEN_API Outcome<CalendarAnswer> get_calendar(Client& client, TokenLease& lease,
                                                 const std::string& id, const Call& call = {});
// Capability manage_mytokens:notify, as all changes of a calendar.
MYTOKEN_API Outcome<CalendarAnswer> create_calendar(Client& client, TokenLease& lease,
                                                    const std::string& description,
                                                    const std::vector<std::string>& tags,
                                                    const Call& call = {});
// Error usage: nothing to change.
MYTOKEN_API Outcome<CalendarAnswer> update_calendar(Client& client, TokenLease& lease,
                                                    const std::string& id,
                                                    const CalendarChange& change,
                                                    const Call& call = {});
MYTOKEN_API Outcome<Done> delete_calendar(Client& client, TokenLease& lease, const std::string& id,
                                          const Call& call = {});
// Capability tokeninfo:notify for the presented mytoken (`mom_id` "") and those made from it, else
// manage_mytokens:notify; so for the removal.
MYTOKEN_API Outcome<CalendarAnswer> add_calendar_token(Client& client, TokenLease& lease,
                                                       const std::string& id,
                                                       const std::string& mom_id = "",
                                                       const std::string& comment = "",
                                                       const Call& call = {});
// The request differs from the deletion of the calendar only by its body. Servers that do not look
// at it (the reference implementation up to 0.12) delete the calendar.
MYTOKEN_API Outcome<Done> remove_calendar_token(Client& client, TokenLease& lease,
                                                const std::string& id,
                                                const std::string& mom_id = "",
                                                const Call& call = {});
// All mytokens with the tag.
MYTOKEN_API Outcome<Done> add_calendar_tag(Client& client, TokenLease& lease, const std::string& id,
                                           const std::string& tag, const Call& call = {});
MYTOKEN_API Outcome<Done> remove_calendar_tag(Client& client, TokenLease& lease,
                                              const std::string& id, const std::string& tag,
                                              const Call& call = {});

}  // namespace mytoken::client
