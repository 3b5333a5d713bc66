/* The C interface of libmytoken, for programs in C and for bindings of other languages. It can do
 * what <mytoken/client.h> can; requests and answers travel as JSON text where they have many
 * members (members as in the API of the server).
 *
 * Results. A function that can fail returns MYTOKEN_OK or the kind of its failure, and fills
 * `error` unless that is NULL. Its results are stored only on success. Wrong use (NULL where it is
 * not allowed, text that is no JSON) is MYTOKEN_USAGE.
 *
 * Ownership. Handles and texts that a function stores through a pointer belong to the caller: each
 * handle has its own function that frees it (NULL is fine), texts are freed with mytoken_free(). A
 * `const char*` that a function returns belongs to the handle it was asked of and lives as long.
 * What is passed in is copied. Freed tokens are wiped from memory.
 *
 * Threads. Clients, tokens, logins and stops may be used by several threads at once, but nothing
 * may be freed while it is in use. A token must outlive the calls it is used in; a login does not
 * need its client to be kept open. Answers belong to one thread at a time. Callbacks run in the
 * thread of the call that causes them; they must not use the token they are about, and must not
 * throw.
 *
 * Nothing here is safe in a signal handler, or in the child of a fork of a process with threads. */
#ifndef MYTOKEN_MYTOKEN_H
#define MYTOKEN_MYTOKEN_H

#include <mytoken/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- results ------------------------------------------------------------------------------- */

typedef enum mytoken_result {
  MYTOKEN_OK = 0,
  MYTOKEN_USAGE = 1,            /* the caller asked for something impossible */
  MYTOKEN_NETWORK = 2,          /* no connection, or it broke */
  MYTOKEN_TIMEOUT = 3,          /* the time for the call or for a request is over */
  MYTOKEN_TLS = 4,              /* certificate or handshake */
  MYTOKEN_PROTOCOL = 5,         /* the answer is not what a mytoken server says */
  MYTOKEN_SERVER = 6,           /* the server refused: see mytoken_error.code */
  MYTOKEN_CANCELLED = 7,        /* somebody asked the call to stop */
  MYTOKEN_POLLING_EXPIRED = 8,  /* nobody approved in time */
  MYTOKEN_CONSENT_DECLINED = 9, /* somebody declined */
  MYTOKEN_TOKEN_SOURCE = 10,    /* the mytoken could not be read, locked or stored */
  MYTOKEN_INTERNAL = 11         /* no memory, or a mistake in this library */
} mytoken_result;

/* Filled by value: nothing to free. Texts are cut to fit and never hold a secret. */
typedef struct mytoken_error {
  mytoken_result result;
  int http_status;       /* 0: there was no answer */
  int is_transient;      /* 1: the same call may succeed later without anybody changing anything */
  long retry_after;      /* seconds; > 0: the server said when to come again */
  char code[64];         /* member `error` of the answer, or one of this library; may be "" */
  char description[512]; /* for people; UTF-8 without control characters */
} mytoken_error;

/* Version of the library, e.g. "0.1.0". Never freed. */
MYTOKEN_API const char* mytoken_version(void);

/* Wipes and frees a text of this library. NULL is fine. */
MYTOKEN_API void mytoken_free(char* text);

/* ---- calls that can be stopped ------------------------------------------------------------- */

typedef struct mytoken_stop mytoken_stop;

/* A stop for any number of calls. MYTOKEN_INTERNAL without memory. */
MYTOKEN_API mytoken_result mytoken_stop_new(mytoken_stop** stop, mytoken_error* error);
/* Ends all calls that were given it, also future ones, with MYTOKEN_CANCELLED within 100 ms. */
MYTOKEN_API void mytoken_stop_request(mytoken_stop* stop);
MYTOKEN_API void mytoken_stop_free(mytoken_stop* stop);

/* How a call may end early. NULL instead of it: it may not, beyond the limits of the client. */
typedef struct mytoken_call {
  mytoken_stop* stop; /* NULL: none */
  long timeout_ms;    /* of the whole call, waiting included; <= 0: none */
} mytoken_call;

/* ---- a server ------------------------------------------------------------------------------ */

typedef struct mytoken_options mytoken_options;
typedef struct mytoken_client mytoken_client;

MYTOKEN_API mytoken_result mytoken_options_new(mytoken_options** options, mytoken_error* error);
/* Sets one of: user_agent, ca_file (PEM bundle), ca_directory, proxy (these: "" = what the
 * environment says), connect_timeout_ms, total_timeout_ms (of one request), cache_directory (where
 * the server's description is kept for an hour; "" = in memory only). MYTOKEN_USAGE: no such
 * option, or no such value. Not for several threads. */
MYTOKEN_API mytoken_result mytoken_options_set(mytoken_options* options, const char* name,
                                               const char* value, mytoken_error* error);
MYTOKEN_API void mytoken_options_free(mytoken_options* options);

/* The server at `url` (https; http for this machine only). No request is made yet. `options` may be
 * NULL and may be freed afterwards. */
MYTOKEN_API mytoken_result mytoken_client_open(const char* url, const mytoken_options* options,
                                               mytoken_client** client, mytoken_error* error);
MYTOKEN_API void mytoken_client_close(mytoken_client* client);
/* Its address, without trailing slashes. */
MYTOKEN_API const char* mytoken_client_url(const mytoken_client* client);
/* What the server says about itself: its configuration document, as JSON. */
MYTOKEN_API mytoken_result mytoken_client_metadata(mytoken_client* client, const mytoken_call* call,
                                                   char** json, mytoken_error* error);

/* ---- mytokens ------------------------------------------------------------------------------ */

/* Where a mytoken comes from and where its successor goes. A server may replace ("rotate") a
 * mytoken in any answer; the old one is dead from then on. The successor is stored before the call
 * returns. */
typedef struct mytoken_token mytoken_token;

/* Must make `successor` safe before it returns: 0 if it is, anything else if not. `context` is what
 * was given with the function. */
typedef int (*mytoken_rotated)(void* context, const char* successor);

/* A mytoken in memory. `rotated` may be NULL: then its successors are kept in memory only. */
MYTOKEN_API mytoken_result mytoken_token_from_string(const char* text, mytoken_rotated rotated,
                                                     void* context, mytoken_token** token,
                                                     mytoken_error* error);
/* The first line of a file, which is replaced on rotation. While a call uses it, FILE.lock is
 * locked for other processes. The file need not exist yet. */
MYTOKEN_API mytoken_result mytoken_token_from_file(const char* path, mytoken_token** token,
                                                   mytoken_error* error);
/* The environment variable `name`, read at the first use. A rotation is reported as not stored. */
MYTOKEN_API mytoken_result mytoken_token_from_environment(const char* name, mytoken_token** token,
                                                          mytoken_error* error);
/* The entry `name` of the desktop's keyring (Secret Service). */
MYTOKEN_API mytoken_result mytoken_token_from_keyring(const char* name, mytoken_token** token,
                                                      mytoken_error* error);
/* Must store the mytoken through `token`, as a text from malloc() that this library frees, and
 * return 0; anything else: there is none. */
typedef int (*mytoken_read)(void* context, char** token);
/* A store of the program's own: `read` is asked at each use. `rotated` as above. */
MYTOKEN_API mytoken_result mytoken_token_from_callback(mytoken_read read, mytoken_rotated rotated,
                                                       void* context, mytoken_token** token,
                                                       mytoken_error* error);
/* The first of `count` tokens that has one when it is needed. They may be freed afterwards. */
MYTOKEN_API mytoken_result mytoken_token_first_of(mytoken_token* const* tokens, int count,
                                                  mytoken_token** token, mytoken_error* error);
MYTOKEN_API void mytoken_token_free(mytoken_token* token);

/* The newest text of the mytoken itself. Waits for its turn as any call does. */
MYTOKEN_API mytoken_result mytoken_token_text(mytoken_token* token, const mytoken_call* call,
                                              char** text, mytoken_error* error);
/* Puts the mytoken `text` into a file that only its user can read, as a whole or not at all. */
MYTOKEN_API mytoken_result mytoken_write_file(const char* path, const char* text,
                                              mytoken_error* error);
/* Puts it into the keyring as entry `name`. `server` may be NULL. */
MYTOKEN_API mytoken_result mytoken_keyring_store(const char* name, const char* text,
                                                 const char* server, const mytoken_call* call,
                                                 mytoken_error* error);
/* Names of all entries: a sorted JSON array. */
MYTOKEN_API mytoken_result mytoken_keyring_list(const mytoken_call* call, char** json,
                                                mytoken_error* error);
MYTOKEN_API mytoken_result mytoken_keyring_remove(const char* name, const mytoken_call* call,
                                                  mytoken_error* error);

/* ---- answers ------------------------------------------------------------------------------- */

typedef struct mytoken_answer mytoken_answer;

/* The access token, mytoken or transfer code that was asked for; "" if the call is not about one.
 */
MYTOKEN_API const char* mytoken_answer_token(const mytoken_answer* answer);
/* Its seconds of life; -1: not said, or without end. */
MYTOKEN_API long mytoken_answer_expires_in(const mytoken_answer* answer);
/* The whole answer as a JSON object or array, the token included, a rotated mytoken not. */
MYTOKEN_API const char* mytoken_answer_json(const mytoken_answer* answer);
/* The successor of the presented mytoken; "" if it was not replaced. */
MYTOKEN_API const char* mytoken_answer_successor(const mytoken_answer* answer);
/* MYTOKEN_OK, or why the successor could not be stored (then it is valid and the answer is, too,
 * but the caller has the only copy unless the description says where it was saved). */
MYTOKEN_API mytoken_result mytoken_answer_not_stored(const mytoken_answer* answer,
                                                     mytoken_error* error);
MYTOKEN_API void mytoken_answer_free(mytoken_answer* answer);

/* ---- requests ------------------------------------------------------------------------------ */

/* All of these: `call` may be NULL, `answer` may be NULL where nothing but the success is wanted
 * (if a successor of the mytoken could not be stored, that is then the result). MYTOKEN_USAGE with
 * code not_supported: this server does not offer the function. */

/* An access token. `scope` and `audience` are separated by blanks; NULL or "": what the mytoken
 * allows. `comment` (NULL: none) is shown in the mytoken's history. */
MYTOKEN_API mytoken_result mytoken_access_token(mytoken_client* client, mytoken_token* token,
                                                const char* scope, const char* audience,
                                                const char* comment, const mytoken_call* call,
                                                mytoken_answer** answer, mytoken_error* error);
/* A mytoken made from another one. `request`: a JSON object, e.g. {"capabilities":["AT"],
 * "restrictions":[{"exp":1790000000}]}; NULL: as the other one. The server refuses what the other
 * one does not permit, unless the request says {"error_on_restrictions":false}. */
MYTOKEN_API mytoken_result mytoken_sub_token(mytoken_client* client, mytoken_token* token,
                                             const char* request, const mytoken_call* call,
                                             mytoken_answer** answer, mytoken_error* error);
/* A short code with which another machine can fetch this mytoken once, see expires_in. */
MYTOKEN_API mytoken_result mytoken_create_transfer_code(mytoken_client* client,
                                                        mytoken_token* token,
                                                        const mytoken_call* call,
                                                        mytoken_answer** answer,
                                                        mytoken_error* error);
MYTOKEN_API mytoken_result mytoken_redeem_transfer_code(mytoken_client* client, const char* code,
                                                        const mytoken_call* call,
                                                        mytoken_answer** answer,
                                                        mytoken_error* error);
/* `action`: introspect, event_history, subtokens, list_mytokens, notifications. `mom_ids`: `count`
 * ids of other mytokens, also "this" and "children". */
MYTOKEN_API mytoken_result mytoken_tokeninfo(mytoken_client* client, mytoken_token* token,
                                             const char* action, const char* const* mom_ids,
                                             int count, const mytoken_call* call,
                                             mytoken_answer** answer, mytoken_error* error);
/* Revokes the token itself or, with `mom_id`, another one; `is_recursive`: and all made from it. */
MYTOKEN_API mytoken_result mytoken_revoke(mytoken_client* client, mytoken_token* token,
                                          const char* mom_id, int is_recursive,
                                          const mytoken_call* call, mytoken_answer** answer,
                                          mytoken_error* error);

typedef enum mytoken_presentation {
  MYTOKEN_NO_TOKEN = 0, /* the request needs none */
  MYTOKEN_BEARER = 1,   /* in the header Authorization */
  MYTOKEN_IN_BODY = 2   /* as member `mytoken` of the body */
} mytoken_presentation;

/* Any other request. `method`: GET, POST, PUT, DELETE. `endpoint`: the member of the configuration
 * document, or of the user settings document, that has the address, e.g. "tags_endpoint". `path`:
 * `count` further segments, which are percent-encoded. `body`: a JSON object or NULL. `token` may
 * be NULL if it is not presented. */
MYTOKEN_API mytoken_result mytoken_exchange(mytoken_client* client, mytoken_token* token,
                                            mytoken_presentation presentation, const char* method,
                                            const char* endpoint, const char* const* path,
                                            int count, const char* body, const mytoken_call* call,
                                            mytoken_answer** answer, mytoken_error* error);

/* ---- logins -------------------------------------------------------------------------------- */

typedef struct mytoken_login mytoken_login;

/* Told the remaining seconds a few times per second. */
typedef void (*mytoken_progress)(void* context, long remaining);

/* Starts a login at the provider `oidc_issuer`. `request`: as for mytoken_sub_token(). */
MYTOKEN_API mytoken_result mytoken_login_start(mytoken_client* client, const char* oidc_issuer,
                                               const char* request, const mytoken_call* call,
                                               mytoken_login** login, mytoken_error* error);
/* The address that the user must open in a browser: printable ASCII. */
MYTOKEN_API const char* mytoken_login_uri(const mytoken_login* login);
/* Waits until the user decided; the answer has the mytoken. `progress` may be NULL. */
MYTOKEN_API mytoken_result mytoken_login_wait(mytoken_login* login, mytoken_progress progress,
                                              void* context, const mytoken_call* call,
                                              mytoken_answer** answer, mytoken_error* error);
/* Makes mytoken_login_wait() return MYTOKEN_CANCELLED, also if it is called later. */
MYTOKEN_API void mytoken_login_cancel(mytoken_login* login);
MYTOKEN_API void mytoken_login_free(mytoken_login* login);

/* ---- looking at tokens --------------------------------------------------------------------- */

typedef enum mytoken_kind {
  MYTOKEN_KIND_MALFORMED = 0,   /* nothing a server would take */
  MYTOKEN_KIND_JWT = 1,         /* a JWT that says it is a mytoken */
  MYTOKEN_KIND_FOREIGN_JWT = 2, /* a JWT that says it is something else, e.g. an access token */
  MYTOKEN_KIND_SHORT_TOKEN = 3,
  MYTOKEN_KIND_CODE = 4 /* a transfer code */
} mytoken_kind;

/* By its looks; nobody is asked. NULL is malformed. */
MYTOKEN_API mytoken_kind mytoken_classify(const char* text);
/* Header and payload of a JWT as JSON, unverified; either may be NULL. MYTOKEN_USAGE: no JWT. */
MYTOKEN_API mytoken_result mytoken_decode(const char* text, char** header, char** payload,
                                          mytoken_error* error);
/* The payload of a mytoken that the server signed and that is valid now. Fetches the keys of the
 * server; only mytoken_tokeninfo() tells whether it was revoked. MYTOKEN_SERVER with code
 * invalid_token: it is not genuine, or not valid now. */
MYTOKEN_API mytoken_result mytoken_verify(mytoken_client* client, const char* text,
                                          const mytoken_call* call, char** payload,
                                          mytoken_error* error);

#ifdef __cplusplus
}
#endif
#endif
