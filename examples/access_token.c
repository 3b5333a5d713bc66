/* Prints an access token, made with the mytoken in a file, and makes sure that the server knows the
 * mytoken as its own.
 *
 *   access_token SERVER FILE [SCOPE]
 *
 * Uses the C interface of libmytoken. This program keeps the mytoken itself: it shows what a
 * callback for rotated mytokens has to do. mytoken_token_from_file() would do all of that. */
#include <mytoken/mytoken.h>

#include <stdio.h>
#include <string.h>

static int complain(const mytoken_error* error) {
  fprintf(stderr, "access_token: error: %s%s%s\n", error->code, error->code[0] ? ": " : "",
          error->description);
  return error->is_transient ? 75 : 1; /* as sysexits.h: try again later */
}

/* The server gave us another mytoken, and from now on the old one is worth nothing. When this
 * returns 0, the new one must be safe; the library returns from mytoken_access_token() only then.
 */
static int keep(void* context, const char* successor) {
  const char* file = context;
  mytoken_error error;
  if (mytoken_write_file(file, successor, &error) == MYTOKEN_OK) return 0;
  fprintf(stderr, "access_token: error: %s\n", error.description);
  return -1;
}

static int read_line(const char* file, char* line, int size) {
  FILE* stream = fopen(file, "r");
  if (!stream) return -1;
  const char* got = fgets(line, size, stream);
  fclose(stream);
  if (!got) return -1;
  line[strcspn(line, "\r\n")] = '\0';
  return 0;
}

int main(int count, char** arguments) {
  mytoken_error error;
  mytoken_client* client = NULL;
  mytoken_token* token = NULL;
  mytoken_answer* answer = NULL;
  char* payload = NULL;
  char line[16384];
  int code = 1;

  if (count < 3) {
    fprintf(stderr, "usage: access_token SERVER FILE [SCOPE]\n");
    return 2;
  }
  if (read_line(arguments[2], line, sizeof line) != 0) {
    perror(arguments[2]);
    return 1;
  }
  if (mytoken_client_open(arguments[1], NULL, &client, &error) != MYTOKEN_OK ||
      mytoken_token_from_string(line, keep, arguments[2], &token, &error) != MYTOKEN_OK) {
    code = complain(&error);
    goto end;
  }
  /* A short token is no JWT: then the server alone can tell. */
  if (mytoken_classify(line) == MYTOKEN_KIND_JWT &&
      mytoken_verify(client, line, NULL, &payload, &error) != MYTOKEN_OK) {
    code = complain(&error);
    goto end;
  }
  const mytoken_call call = {NULL, 30000}; /* done by then, or MYTOKEN_TIMEOUT */
  if (mytoken_access_token(client, token, count > 3 ? arguments[3] : NULL, NULL, "example", &call,
                           &answer, &error) != MYTOKEN_OK) {
    code = complain(&error);
    goto end;
  }
  if (mytoken_answer_not_stored(answer, &error) != MYTOKEN_OK) complain(&error);
  printf("%s\n", mytoken_answer_token(answer));
  fprintf(stderr, "valid for %ld seconds\n", mytoken_answer_expires_in(answer));
  code = 0;

end:
  mytoken_free(payload);
  mytoken_answer_free(answer);
  mytoken_token_free(token);
  mytoken_client_close(client);
  return code;
}
