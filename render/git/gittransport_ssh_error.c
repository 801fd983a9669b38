// ssh tells what went wrong in words only. The words are OpenSSH's (sshconnect.c, sshconnect2.c,
// authfile.c) and those of git and the forges behind it.
#include "render/git/gittransport.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MAX_QUOTE = 300 };

enum advice { PLAIN, HOST_KEY_CHANGED, HOST_KEY_UNKNOWN, IDENTITY_REFUSED, IDENTITY_UNREADABLE };

static const struct {
    const char *phrase;
    enum error_code code;
    enum advice advice;
} phrases[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", ERROR_UNVERIFIED, HOST_KEY_CHANGED},
    {"host key for", ERROR_UNVERIFIED, HOST_KEY_CHANGED}, // "The … host key for X has changed"
    {"host key is known for", ERROR_UNVERIFIED, HOST_KEY_UNKNOWN},
    {"Host key verification failed", ERROR_UNVERIFIED, HOST_KEY_UNKNOWN},
    {"Load key", ERROR_INVALID, IDENTITY_UNREADABLE},
    {"Permission denied", ERROR_DENIED, IDENTITY_REFUSED},
    {"Too many authentication failures", ERROR_DENIED, IDENTITY_REFUSED},
    {"does not appear to be a git repository", ERROR_NOT_FOUND, PLAIN},
    {"repository not found", ERROR_NOT_FOUND, PLAIN},
    {"could not be found", ERROR_NOT_FOUND, PLAIN},
    {"does not exist", ERROR_NOT_FOUND, PLAIN},
    {"command not found", ERROR_INVALID, PLAIN},
    {"access denied", ERROR_DENIED, PLAIN},
    {"not authorized", ERROR_DENIED, PLAIN},
    {"timed out", ERROR_TIMEOUT, PLAIN},
};

// The last line that says something, without control characters; owned.
static char *last_line(const char *text)
{
    const char *end = text + strlen(text);
    for (;;) {
        while (end > text && (unsigned char)end[-1] <= ' ')
            end--;
        const char *start = end;
        while (start > text && start[-1] != '\n')
            start--;
        size_t size = (size_t)(end - start);
        // What git adds to every failure tells nothing.
        bool noise = strncmp(start, "and the repository exists", 25) == 0 ||
                     strncmp(start, "Please make sure you have", 25) == 0 ||
                     strncmp(start, "fatal: Could not read from", 26) == 0;
        if (noise && start > text) {
            end = start;
            continue;
        }
        char *line = xstrndup(start, size < MAX_QUOTE ? size : MAX_QUOTE);
        for (char *ch = line; *ch != '\0'; ch++)
            if ((unsigned char)*ch < ' ' || *ch == 0x7f)
                *ch = ' ';
        return line;
    }
}

int gittransport_ssh_error(const char *text, const char *host, int port, struct error *err)
{
    enum error_code code = ERROR_UNAVAILABLE;
    enum advice advice = PLAIN;
    for (size_t i = ARRAY_LENGTH(phrases); i-- > 0;) {
        if (strcasestr(text, phrases[i].phrase) != NULL) {
            code = phrases[i].code;
            advice = phrases[i].advice;
        }
    }
    cleanup_free char *line = last_line(text);
    switch (advice) {
    case HOST_KEY_CHANGED:
        return error_set(err, code,
                         "%s shows another host key than known_hosts has: find out why; if it was "
                         "replaced on purpose, put the new one into secretRef",
                         host);
    case HOST_KEY_UNKNOWN:
        return error_set(err, code,
                         "known_hosts of secretRef has no key of %s that it shows: add the lines "
                         "of \"ssh-keyscan -p %d %s\" after you compared them",
                         host, port, host);
    case IDENTITY_REFUSED:
        return error_set(err, code,
                         "%s refuses the identity of secretRef (%s): add its public key there as "
                         "a read-only deploy key",
                         host, line);
    case IDENTITY_UNREADABLE:
        return error_set(err, code,
                         "the identity of secretRef is no private key that ssh can read without a "
                         "passphrase (%s)",
                         line);
    case PLAIN:
        break;
    }
    if (*line == '\0')
        return error_set(err, code, "ssh to %s ended without an answer", host);
    return error_set(err, code, "ssh to %s: %s", host, line);
}
