#include "fake_cluster.h"

#include "base/jval.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WATCH_LOOK_MS = 5 };

struct change {
    const char *type;
    char *collection; // "/apis/…/bundles", without a namespace
    json_t *object;
    long long version;
};

struct fake_cluster {
    struct fake_http *http;
    pthread_mutex_t lock;
    json_t *objects;    // path -> object
    struct vec history; // of struct change
    struct vec lines;   // char *: "GET /path?query"
    long long version;
    long long oldest; // versions before it are forgotten
    unsigned cuts;
    bool down;
    bool stopping;

    unsigned refusals;
    const char *method;
    const char *part;
    int code;
    const char *reason;
    const char *message;
};

// What a request is about.
struct target {
    char *path;       // of the object; without subresource and query
    char *collection; // without namespace
    char *namespace;  // NULL = all, or cluster-scoped
    char *name;       // NULL = the collection
    bool status;
};

static void release_change(void *element)
{
    struct change *change = element;
    free(change->collection);
    json_decref(change->object);
}

static void release_target(struct target *target)
{
    free(target->path);
    free(target->collection);
    free(target->namespace);
    free(target->name);
}
#define cleanup_target __attribute__((cleanup(release_target)))

static void parse(const char *path, struct target *target)
{
    char *words[10] = {0};
    size_t n = 0;
    cleanup_free char *copy = xstrndup(path, strcspn(path, "?"));
    for (char *rest = NULL, *word = strtok_r(copy, "/", &rest); word != NULL && n < 9;
         word = strtok_r(NULL, "/", &rest))
        words[n++] = word;
    size_t at = strcmp(words[0], "api") == 0 ? 2 : 3;
    bool placed = n > at + 2 && strcmp(words[at], "namespaces") == 0;
    cleanup_free char *group =
        at == 2 ? xasprintf("/api/%s", words[1]) : xasprintf("/apis/%s/%s", words[1], words[2]);
    if (placed) {
        target->namespace = xstrdup(words[at + 1]);
        at += 2;
    }
    target->collection = xasprintf("%s/%s", group, words[at]);
    target->name = xstrdup_or_null(words[at + 1]);
    target->status = words[at + 1] != NULL && words[at + 2] != NULL;
    target->path = xasprintf("%s %s/%s", target->collection,
                             target->namespace != NULL ? target->namespace : "",
                             target->name != NULL ? target->name : "");
}

static long long next_version(struct fake_cluster *cluster, json_t *object)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", ++cluster->version);
    jval_set_string(object, "metadata.resourceVersion", text);
    return cluster->version;
}

static void note(struct fake_cluster *cluster, const char *type, const struct target *target,
                 const json_t *object)
{
    *(struct change *)vec_push(&cluster->history) =
        (struct change){.type = type,
                        .collection = xstrdup(target->collection),
                        .object = json_deep_copy(object),
                        .version = cluster->version};
}

static void reply(struct fake_exchange *exchange, int code, const json_t *object)
{
    cleanup_free char *text = jval_compact(object);
    cleanup_free char *status = xasprintf("%d %s", code, code == 201 ? "Created" : "OK");
    fake_reply(exchange, status, "Content-Type: application/json\r\n", text);
}

static void not_found(struct fake_exchange *exchange, const struct target *target)
{
    cleanup_free char *message =
        xasprintf("%s \\\"%s\\\" not found", strrchr(target->collection, '/') + 1,
                  target->name != NULL ? target->name : "");
    fake_kube_refuse(exchange, 404, "NotFound", message, "");
}

// RFC 7396, in place.
static void merge(json_t *into, const json_t *patch)
{
    const char *name;
    json_t *value;
    jval_foreach (patch, name, value) {
        json_t *before = json_object_get(into, name);
        if (json_is_null(value)) {
            json_object_del(into, name);
        } else if (json_is_object(value)) {
            if (!json_is_object(before)) {
                before = json_object();
                json_object_set_new(into, name, before);
            }
            merge(before, value);
        } else {
            json_object_set(into, name, value);
        }
    }
}

static void create(struct fake_cluster *cluster, struct fake_exchange *exchange,
                   const struct target *target, json_t *object)
{
    char uid[40];
    snprintf(uid, sizeof uid, "uid-%lld", cluster->version + 1);
    jval_set_string(object, "metadata.uid", uid);
    jval_set_int(object, "metadata.generation", 1);
    jval_set_string(object, "metadata.creationTimestamp", "2026-01-02T03:04:05Z");
    next_version(cluster, object);
    json_object_set(cluster->objects, target->path, object);
    note(cluster, "ADDED", target, object);
    reply(exchange, 201, object);
}

// `object` takes the place of what is stored.
static void put(struct fake_cluster *cluster, struct fake_exchange *exchange,
                const struct target *target, json_t *object)
{
    cleanup_json json_t *old = json_incref(json_object_get(cluster->objects, target->path));
    const char *version = jval_string(object, "metadata.resourceVersion");
    if (version != NULL && strcmp(version, jval_string(old, "metadata.resourceVersion")) != 0) {
        fake_kube_refuse(exchange, 409, "Conflict", "the object has been modified", "");
        return;
    }
    if (strcmp(jval_string(object, "metadata.uid"), jval_string(old, "metadata.uid")) != 0) {
        fake_kube_refuse(exchange, 422, "Invalid", "metadata.uid: field is immutable", "");
        return;
    }
    jval_set_string(object, "metadata.resourceVersion",
                    jval_string(old, "metadata.resourceVersion"));
    if (json_equal(old, object) != 0) {
        reply(exchange, 200, object);
        return;
    }
    if (json_equal(json_object_get(old, "spec"), json_object_get(object, "spec")) == 0)
        jval_set_int(object, "metadata.generation", jval_int(old, "metadata.generation", 0) + 1);
    next_version(cluster, object);
    bool dead = jval_string(object, "metadata.deletionTimestamp") != NULL &&
                json_array_size(jval_array(object, "metadata.finalizers")) == 0;
    if (dead)
        json_object_del(cluster->objects, target->path);
    else
        json_object_set(cluster->objects, target->path, object);
    note(cluster, dead ? "DELETED" : "MODIFIED", target, object);
    reply(exchange, 200, object);
}

static void patch_object(struct fake_cluster *cluster, struct fake_exchange *exchange,
                         const struct target *target, const json_t *patch)
{
    cleanup_json json_t *object = json_deep_copy(json_object_get(cluster->objects, target->path));
    cleanup_json json_t *status = json_deep_copy(json_object_get(object, "status"));
    if (jval_get(patch, "metadata.resourceVersion") == NULL)
        jval_remove(object, "metadata.resourceVersion");
    merge(object, patch);
    if (!target->status) {
        json_object_del(object, "status");
        if (status != NULL)
            json_object_set(object, "status", status);
    }
    put(cluster, exchange, target, object);
}

static void remove_object(struct fake_cluster *cluster, struct fake_exchange *exchange,
                          const struct target *target)
{
    cleanup_json json_t *object = json_deep_copy(json_object_get(cluster->objects, target->path));
    bool held = json_array_size(jval_array(object, "metadata.finalizers")) > 0;
    next_version(cluster, object);
    if (held) {
        jval_set_string(object, "metadata.deletionTimestamp", "2026-01-02T03:04:06Z");
        json_object_set(cluster->objects, target->path, object);
    } else {
        json_object_del(cluster->objects, target->path);
    }
    note(cluster, held ? "MODIFIED" : "DELETED", target, object);
    reply(exchange, 200, object);
}

static void list(struct fake_cluster *cluster, struct fake_exchange *exchange,
                 const struct target *target)
{
    cleanup_free char *prefix = target->namespace != NULL
                                    ? xasprintf("%s %s/", target->collection, target->namespace)
                                    : xasprintf("%s ", target->collection);
    cleanup_json json_t *all = json_pack("{s:{}, s:[]}", "metadata", "items");
    char version[24];
    snprintf(version, sizeof version, "%lld", cluster->version);
    jval_set_string(all, "metadata.resourceVersion", version);
    jval_set_string(all, "apiVersion", "v1");
    jval_set_string(all, "kind", "List");
    const char *path;
    json_t *object;
    json_object_foreach (cluster->objects, path, object) {
        if (strncmp(path, prefix, strlen(prefix)) == 0)
            json_array_append_new(json_object_get(all, "items"), json_deep_copy(object));
    }
    reply(exchange, 200, all);
}

// Everything of the history that is newer than *seen; a line each. Owned.
static char *news(struct fake_cluster *cluster, const struct target *target, long long *seen)
{
    struct strbuf lines;
    strbuf_init(&lines, 1 << 24);
    vec_foreach (struct change, change, &cluster->history) {
        if (change->version <= *seen || strcmp(change->collection, target->collection) != 0)
            continue;
        cleanup_free char *text = jval_compact(change->object);
        strbuf_addf(&lines, "{\"type\":\"%s\",\"object\":%s}\n", change->type, text);
    }
    *seen = cluster->version;
    return strbuf_steal(&lines);
}

static void watch(struct fake_cluster *cluster, struct fake_exchange *exchange,
                  const struct target *target)
{
    const char *since = strstr(exchange->path, "resourceVersion=");
    long long seen = since != NULL ? strtoll(strchr(since, '=') + 1, NULL, 10) : 0;
    pthread_mutex_lock(&cluster->lock);
    unsigned cuts = cluster->cuts;
    bool old = seen < cluster->oldest;
    pthread_mutex_unlock(&cluster->lock);
    exchange->close = true;
    if (old) {
        fake_kube_refuse(exchange, 410, "Expired", "too old resource version", "");
        return;
    }
    fake_kube_stream(exchange);
    for (bool over = false; !over;) {
        pthread_mutex_lock(&cluster->lock);
        over = cluster->stopping || cluster->cuts != cuts;
        cleanup_free char *lines = over ? xstrdup("") : news(cluster, target, &seen);
        pthread_mutex_unlock(&cluster->lock);
        for (char *rest = NULL, *line = strtok_r(lines, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest))
            fake_kube_line(exchange, line);
        if (!over)
            fake_pause(exchange, WATCH_LOOK_MS);
    }
}

static bool is_refused(struct fake_cluster *cluster, const struct fake_exchange *exchange)
{
    if (cluster->refusals == 0 || strcmp(exchange->method, cluster->method) != 0 ||
        strstr(exchange->path, cluster->part) == NULL)
        return false;
    cluster->refusals--;
    return true;
}

static void answer(struct fake_cluster *cluster, struct fake_exchange *exchange,
                   const struct target *target)
{
    cleanup_json json_t *body = NULL;
    const char *method = exchange->method;
    bool exists = target->name != NULL && json_object_get(cluster->objects, target->path) != NULL;
    bool applies = strstr(exchange->head, "application/apply-patch") != NULL;
    if (exchange->body_size > 0 &&
        jval_parse_object(exchange->body, exchange->body_size, "body", &body, NULL) < 0)
        fake_kube_refuse(exchange, 400, "BadRequest", "no JSON", "");
    else if (strcmp(method, "POST") == 0) {
        cleanup_free char *path =
            xasprintf("%s%s", target->path, jval_string_or(body, "metadata.name", ""));
        struct target made = *target;
        made.path = path;
        if (json_object_get(cluster->objects, path) != NULL)
            fake_kube_refuse(exchange, 409, "AlreadyExists", "it exists", "");
        else
            create(cluster, exchange, &made, body);
    } else if (target->name == NULL)
        list(cluster, exchange, target);
    else if (!exists && applies)
        create(cluster, exchange, target, body);
    else if (!exists)
        not_found(exchange, target);
    else if (strcmp(method, "GET") == 0)
        reply(exchange, 200, json_object_get(cluster->objects, target->path));
    else if (strcmp(method, "PUT") == 0) {
        const json_t *old = json_object_get(cluster->objects, target->path);
        if (jval_get(body, "metadata.uid") == NULL)
            jval_set_string(body, "metadata.uid", jval_string(old, "metadata.uid"));
        put(cluster, exchange, target, body);
    } else if (strcmp(method, "DELETE") == 0)
        remove_object(cluster, exchange, target);
    else
        patch_object(cluster, exchange, target, body);
}

static void handle(void *arg, struct fake_exchange *exchange)
{
    struct fake_cluster *cluster = arg;
    cleanup_target struct target target = {0};
    parse(exchange->path, &target);
    pthread_mutex_lock(&cluster->lock);
    *(char **)vec_push(&cluster->lines) = xasprintf("%s %s", exchange->method, exchange->path);
    bool refused = is_refused(cluster, exchange);
    bool watches = strstr(exchange->path, "watch=1") != NULL;
    bool away = cluster->down && target.name == NULL && strcmp(exchange->method, "GET") == 0;
    if (refused)
        fake_kube_refuse(exchange, cluster->code, cluster->reason, cluster->message, "");
    else if (away)
        fake_kube_refuse(exchange, 503, "ServiceUnavailable", "away", "");
    else if (!watches)
        answer(cluster, exchange, &target);
    pthread_mutex_unlock(&cluster->lock);
    if (watches && !refused && !away)
        watch(cluster, exchange, &target);
}

struct fake_cluster *fake_cluster_start(void)
{
    struct fake_cluster *cluster = xcalloc(1, sizeof *cluster);
    pthread_mutex_init(&cluster->lock, NULL);
    cluster->objects = json_object();
    cluster->history = VEC_OF(struct change, release_change);
    cluster->lines = VEC_OF(char *, vec_release_string);
    cluster->version = 100;
    cluster->http = fake_http_start(NULL, handle, cluster);
    return cluster;
}

void fake_cluster_stop(struct fake_cluster *cluster)
{
    pthread_mutex_lock(&cluster->lock);
    cluster->stopping = true;
    pthread_mutex_unlock(&cluster->lock);
    fake_http_stop(cluster->http);
    pthread_mutex_destroy(&cluster->lock);
    json_decref(cluster->objects);
    vec_free(&cluster->history);
    vec_free(&cluster->lines);
    free(cluster);
}

char *fake_cluster_url(const struct fake_cluster *cluster)
{
    return fake_http_url(cluster->http, "");
}

unsigned fake_cluster_count(struct fake_cluster *cluster, const char *method, const char *part)
{
    unsigned count = 0;
    size_t size = strlen(method);
    pthread_mutex_lock(&cluster->lock);
    vec_foreach (char *, line, &cluster->lines)
        count += strncmp(*line, method, size) == 0 && strstr(*line + size, part) != NULL;
    pthread_mutex_unlock(&cluster->lock);
    return count;
}

void fake_cluster_refuse(struct fake_cluster *cluster, unsigned times, const char *method,
                         const char *part, int code, const char *reason, const char *message)
{
    pthread_mutex_lock(&cluster->lock);
    cluster->refusals = times;
    cluster->method = method;
    cluster->part = part;
    cluster->code = code;
    cluster->reason = reason;
    cluster->message = message;
    pthread_mutex_unlock(&cluster->lock);
}

void fake_cluster_cut(struct fake_cluster *cluster)
{
    pthread_mutex_lock(&cluster->lock);
    cluster->cuts++;
    cluster->down = true;
    cluster->oldest = cluster->version + 1;
    vec_clear(&cluster->history);
    pthread_mutex_unlock(&cluster->lock);
}

void fake_cluster_mend(struct fake_cluster *cluster)
{
    pthread_mutex_lock(&cluster->lock);
    cluster->down = false;
    cluster->oldest = cluster->version;
    pthread_mutex_unlock(&cluster->lock);
}
