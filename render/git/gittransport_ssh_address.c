#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "base/url.h"
#include "render/git/gittransport.h"
#include "render/git/gittransport_ssh_internal.h"

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

int ssh_address_resolve(const struct ssh_address *address, enum http_reach reach, char **ret_ip,
                        struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (reach == HTTP_REACH_ANY)
        return 0;
    int result = getaddrinfo(address->host, NULL, &hints, &found);
    if (result != 0)
        return error_set(err, ERROR_UNAVAILABLE, "the name %s cannot be resolved: %s",
                         address->host, gai_strerror(result));
    const char *refusal = "no address";
    for (struct addrinfo *at = found; at != NULL && refusal != NULL; at = at->ai_next) {
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
    freeaddrinfo(found);
    if (refusal == NULL)
        return 0;
    return error_set(err, ERROR_DENIED, "%s is %s, where repositories may not be", address->host,
                     refusal);
}
