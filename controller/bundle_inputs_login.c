// Who may ask for a remote base or file, with which credentials, and where its copy is kept.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/url.h"
#include "controller/bundle_inputs_internal.h"
#include "controller/local.h"
#include "render/git/gitlocal.h"
#include "render/git/gitremote.h"

// Scheme, host and port of a URL in any form that git knows. Owned.
static char *origin_of(const char *text)
{
    cleanup_url struct url url = {0};
    if (gitlocal_takes(text))
        return xstrdup("file:");
    if (strstr(text, "://") != NULL)
        return url_parse(text, &url, NULL) == 0
                   ? xasprintf("%s://%s:%d", url.scheme, url.host, url.port)
                   : xstrdup("");
    // [user@]host:path
    size_t authority = strcspn(text, ":");
    const char *at = memchr(text, '@', authority);
    const char *host = at != NULL ? at + 1 : text;
    cleanup_free char *as_url =
        xasprintf("ssh://%.*s/", (int)(authority - (size_t)(host - text)), host);
    return url_parse(as_url, &url, NULL) == 0
               ? xasprintf("%s://%s:%d", url.scheme, url.host, url.port)
               : xstrdup("");
}

static bool same_origin(const char *a, const char *b)
{
    cleanup_free char *first = origin_of(a);
    cleanup_free char *second = origin_of(b);
    return *first != '\0' && strcmp(first, second) == 0;
}

// Whether credentials for the host of `url` are for this: it is on that host, and so is everything
// on the way to it. What anybody else's base names is not read in our name.
static bool is_for(const char *url, const struct remote *remote)
{
    for (const struct remote *at = remote; at != NULL; at = at->asker)
        if (!same_origin(url, at->url))
            return false;
    return true;
}

bool input_is_ours(const struct bundle_inputs *inputs, const struct remote *remote)
{
    return inputs->config.source != NULL && is_for(inputs->config.source->url, remote);
}

// Places of this host are named by the tree, if at all, and not by what comes over a network.
int input_check_local(const struct bundle_inputs *inputs, const struct remote *remote,
                      struct error *err)
{
    if (!gitlocal_takes(remote->url))
        return 0;
    bool from_here = inputs->config.allow_local;
    for (const struct remote *at = remote->asker; at != NULL; at = at->asker)
        from_here = from_here && gitlocal_takes(at->url);
    if (!from_here)
        return error_set(err, ERROR_DENIED,
                         "%s is a place of the host that renders, which a tree from elsewhere may "
                         "not name; serve that repository over https or ssh",
                         remote->name);
    return inputs->config.role != NULL ? local_check_url(inputs->config.role, remote->url, err) : 0;
}

void input_login_release(struct input_login *login)
{
    free(login->url);
    free(login->username);
    secret_free(login->password);
    *login = (struct input_login){0};
}

static void take_persons(const struct bundle_inputs *inputs, const struct remote *remote,
                         struct input_login *login)
{
    vec_foreach (const struct bundle_login, persons, inputs->config.logins) {
        if (!is_for(persons->url, remote))
            continue;
        login->username = xstrdup_or_null(persons->username);
        login->password = xstrdup_or_null(persons->password);
        return;
    }
}

// What the URL says itself comes first.
int input_find_login(const struct bundle_inputs *inputs, const struct remote *remote,
                     struct input_login *ret_login, struct error *err)
{
    cleanup_input_login struct input_login login = {0};
    cleanup_url struct url url = {0};
    bool is_http = strncasecmp(remote->url, "http", 4) == 0;
    const struct gitremote_config *source = inputs->config.source;
    if (is_http && url_parse(remote->url, &url, err) < 0)
        return error_wrap(err, "%s", remote->name);
    login.url = is_http ? url_without_credentials(remote->url) : xstrdup(remote->url);
    bool ours = input_is_ours(inputs, remote);
    if (ours)
        login.tls = source->tls;
    if (is_http && url.password != NULL) {
        login.username = STEAL(url.user);
        login.password = STEAL(url.password);
    } else if (ours) {
        login.username = xstrdup_or_null(source->username);
        login.password = xstrdup_or_null(source->password);
        login.bearer_token = source->bearer_token;
    } else if (inputs->config.logins != NULL) {
        take_persons(inputs, remote, &login);
    }
    *ret_login = login;
    login = (struct input_login){0};
    return 0;
}

// Why there are no credentials, where their absence may be the cause.
int input_explain(const struct bundle_inputs *inputs, const struct remote *remote,
                  struct error *err)
{
    bool may_be = err != NULL && (err->code == ERROR_DENIED || err->code == ERROR_NOT_FOUND);
    if (!may_be || gitlocal_takes(remote->url) || input_is_ours(inputs, remote))
        return -1;
    cleanup_free char *before = xstrdup(error_message(err));
    return error_set(err, err->code, "%s (%s)", before,
                     inputs->config.source != NULL
                         ? "the credentials of the source go to its own host, on behalf of its own "
                           "files only"
                         : "on the command line: --git-credentials");
}

int64_t input_time_left_ms(const struct bundle_inputs *inputs, const struct remote *remote)
{
    int64_t left_ms = inputs->config.deadline_mono_ms - clock_mono_ms(clock_system());
    if (remote->timeout_ms > 0 && remote->timeout_ms < left_ms)
        left_ms = remote->timeout_ms;
    return left_ms > 0 ? left_ms : 1;
}

// The name of its copy: one per repository and ref, so that a build can hold two refs of one.
// Owned.
char *input_copy_name(struct bundle_inputs *inputs, const struct remote *remote)
{
    cleanup_free char *key = xasprintf("%d\n%s\n%s", (int)remote->kind, remote->url, remote->ref);
    struct digest digest = digest_of(key, strlen(key));
    char *name = xstrndup(digest_hex(digest.text), COPY_NAME_DIGITS);
    vec_push_string(&inputs->used, name);
    return name;
}

// Where the copy is, with `ending`; NULL when copies are not kept. Owned.
char *input_copy_path(const struct bundle_inputs *inputs, const char *name, const char *ending)
{
    return inputs->config.dir != NULL ? xasprintf("%s/%s%s", inputs->config.dir, name, ending)
                                      : NULL;
}

int input_refuse_offline(const struct remote *remote, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE,
                     "%s is not in the cache, and --offline fetches nothing; run it once without",
                     remote->name);
}
