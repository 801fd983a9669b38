#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/memory.h"
#include "base/url.h"
#include "render/git/gittransport.h"
#include "render/git/gittransport_ssh_internal.h"

enum {
    LOOKUP_STACK_BYTES = 1024 * 1024, // address space, not memory
    LOOKUP_SLICE_MS = 100,            // between looks at the cancel
};

void ssh_address_release(struct ssh_address *address)
{
    free(address->user);
    free(address->host);
    free(address->path);
    *address = (struct ssh_address){0};
}

bool gittransport_ssh_takes(const char *url)
{
    const char *colon = strchr(url, ':');
    if (strncasecmp(url, "ssh://", strlen("ssh://")) == 0)
        return true;
    // [user@]host:path, which has no slash before the colon and is no URL.
    return colon != NULL && strncmp(colon, "://", 3) != 0 && colon != url &&
           memchr(url, '/', (size_t)(colon - url)) == NULL;
}

static int take_url(struct ssh_address *address, const char *text, struct error *err)
{
    cleanup_url struct url url = {0};
    if (url_parse(text, &url, err) < 0)
        return -1;
    if (url.password != NULL)
        return error_set(err, ERROR_INVALID,
                         "the URL holds a password; ssh uses the identity of secretRef");
    address->user = STEAL(url.user);
    address->host = STEAL(url.host);
    address->port = url.port;
    // "/~user/x" is below that user's home, as git reads it.
    const char *path = strncmp(url.path, "/~", 2) == 0 ? url.path + 1 : url.path;
    return url_unescape(path, &address->path, err);
}

static void take_short_form(struct ssh_address *address, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *at = memchr(text, '@', (size_t)(colon - text));
    const char *host = at != NULL ? at + 1 : text;
    address->user = at != NULL ? xstrndup(text, (size_t)(at - text)) : NULL;
    address->host = xstrndup(host, (size_t)(colon - host));
    address->port = SSH_PORT;
    address->path = xstrdup(colon + 1);
}

// "[::1]" of a URL is "::1" for ssh.
static void unbracket(char *host)
{
    size_t length = strlen(host);
    if (length < 2 || host[0] != '[' || host[length - 1] != ']')
        return;
    memmove(host, host + 1, length - 2);
    host[length - 2] = '\0';
}

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool has_only(const char *text, const char *characters)
{
    return *text != '\0' && *text != '-' && strspn(text, characters) == strlen(text);
}

static int check_parts(const struct ssh_address *address, struct error *err)
{
    if (!has_only(address->host, LETTERS_AND_DIGITS ".-_:") ||
        !has_only(address->user, LETTERS_AND_DIGITS ".-_+@"))
        return error_set(err, ERROR_INVALID,
                         "user or host of the URL has a character that ssh does not take");
    if (*address->path == '\0' || *address->path == '-' || strpbrk(address->path, "\n\r") != NULL)
        return error_set(err, ERROR_INVALID,
                         "the URL's path is empty, starts with \"-\" or has a line break");
    return 0;
}

int ssh_address_parse(const char *url, const char *user, struct ssh_address *ret_address,
                      struct error *err)
{
    __attribute__((cleanup(ssh_address_release))) struct ssh_address address = {0};
    if (strstr(url, "://") == NULL)
        take_short_form(&address, url);
    else if (take_url(&address, url, err) < 0)
        return -1;
    if (address.user == NULL)
        address.user = xstrdup(user != NULL ? user : "git");
    unbracket(address.host);
    if (check_parts(&address, err) < 0)
        return -1;
    *ret_address = address;
    address = (struct ssh_address){0};
    return 0;
}

// A name on its way. getaddrinfo cannot be stopped, and where name servers keep silent it takes
// minutes; so a thread of its own asks, and whoever gives up first leaves the rest to the other.
struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t over;
    unsigned references; // who asks, and the thread
    char *host;
    bool done;
    int result; // of getaddrinfo
    struct addrinfo *found;
};

static void leave_lookup(struct lookup *lookup)
{
    pthread_mutex_lock(&lookup->lock);
    bool last = --lookup->references == 0;
    pthread_mutex_unlock(&lookup->lock);
    if (!last)
        return;
    if (lookup->found != NULL)
        freeaddrinfo(lookup->found);
    pthread_cond_destroy(&lookup->over);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup);
}

static void *look_up(void *arg)
{
    struct lookup *lookup = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(lookup->host, NULL, &hints, &found);
    pthread_mutex_lock(&lookup->lock);
    lookup->result = result;
    lookup->found = result == 0 ? found : NULL;
    lookup->done = true;
    pthread_cond_signal(&lookup->over);
    pthread_mutex_unlock(&lookup->lock);
    leave_lookup(lookup);
    return NULL;
}

static int start_lookup(struct lookup *lookup, struct error *err)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, LOOKUP_STACK_BYTES);
    // Signals are for the loop's thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    lookup->references++;
    int result = pthread_create(&thread, &attributes, look_up, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (result == 0)
        return 0;
    lookup->references--;
    return error_set(err, ERROR_UNAVAILABLE, "cannot start a thread to resolve %s: %s",
                     lookup->host, strerrordesc_np(result));
}

static struct lookup *make_lookup(const char *host)
{
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    lookup->references = 1;
    lookup->host = xstrdup(host);
    pthread_mutex_init(&lookup->lock, NULL);
    condition_init(&lookup->over);
    return lookup;
}

static int wait_for_lookup(struct lookup *lookup, const struct ssh_patience *patience,
                           struct error *err)
{
    int result = 0;
    pthread_mutex_lock(&lookup->lock);
    while (result == 0 && !lookup->done) {
        condition_wait_slice(&lookup->over, &lookup->lock, LOOKUP_SLICE_MS);
        result = lookup->done ? 0 : cancel_check(patience->cancel, err);
        if (result == 0 && !lookup->done &&
            clock_mono_ms(clock_system()) >= patience->deadline_mono_ms)
            result = error_set(err, ERROR_TIMEOUT,
                               "the name %s is not resolved and the time for this fetch is over",
                               lookup->host);
    }
    pthread_mutex_unlock(&lookup->lock);
    return result;
}

static int choose_address(const struct ssh_address *address, const struct addrinfo *found,
                          enum http_reach reach, char **ret_ip, struct error *err)
{
    const char *refusal = "no address";
    for (const struct addrinfo *at = found; at != NULL && refusal != NULL; at = at->ai_next) {
        char text[NI_MAXHOST];
        refusal = http_reach_refusal(reach, at->ai_addr);
        if (refusal != NULL)
            continue;
        if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) !=
            0)
            refusal = "an unknown address";
        else
            *ret_ip = xstrdup(text);
    }
    if (refusal == NULL)
        return 0;
    return error_set(err, ERROR_DENIED, "%s is %s, where repositories may not be", address->host,
                     refusal);
}

int ssh_address_resolve(const struct ssh_address *address, enum http_reach reach,
                        const struct ssh_patience *patience, char **ret_ip, struct error *err)
{
    if (reach == HTTP_REACH_ANY)
        return 0;
    struct lookup *lookup = make_lookup(address->host);
    int result = start_lookup(lookup, err);
    if (result == 0)
        result = wait_for_lookup(lookup, patience, err);
    if (result == 0 && lookup->result != 0)
        result = error_set(err, ERROR_UNAVAILABLE, "the name %s cannot be resolved: %s",
                           address->host, gai_strerror(lookup->result));
    if (result == 0)
        result = choose_address(address, lookup->found, reach, ret_ip, err);
    leave_lookup(lookup);
    return result;
}
