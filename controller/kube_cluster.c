#include "controller/kube_cluster.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "controller/kube_member.h"

struct cluster {
    unsigned references; // loop thread
    struct loop *loop;
    struct kube_client *client;
    struct kube_client *own_client; // the same, or NULL when it is borrowed
    struct kube_loop *kube;
    bool leaves_secrets;
    char *selector;
    struct vec followers; // struct cluster_follower *; loop thread
    struct loop_timer *rest;
    pthread_mutex_t asking; // one discovery at a time
    pthread_mutex_t lock;   // of what follows
    struct kube_discovery *discovery;
    int64_t discovered_mono_ms;
    struct vec types;    // struct cluster_type *
    struct vec watched;  // struct cluster_type *, whose watch is synced
    struct vec versions; // char *: what types had before; somebody may be reading them
};

static void release_type(void *element)
{
    struct cluster_type *type = *(struct cluster_type **)element;
    free(type->group);
    free(type->kind);
    free(type->plural);
    free(type->version);
    free(type);
}

static void end_unneeded(void *arg);

static struct cluster *make(struct loop *loop, const char *selector)
{
    struct cluster *cluster = xcalloc(1, sizeof *cluster);
    cluster->references = 1;
    cluster->loop = loop;
    cluster->rest = loop_timer_new(loop, end_unneeded, cluster);
    cluster->selector = xstrdup(selector);
    cluster->followers = VEC_OF(struct cluster_follower *, NULL);
    cluster->types = VEC_OF(struct cluster_type *, release_type);
    cluster->watched = VEC_OF(struct cluster_type *, NULL);
    cluster->versions = VEC_OF(char *, vec_release_string);
    pthread_mutex_init(&cluster->asking, NULL);
    pthread_mutex_init(&cluster->lock, NULL);
    return cluster;
}

int cluster_open(struct loop *loop, const struct kube_config *config, enum http_reach reach,
                 const char *selector, struct cluster **ret_cluster, struct error *err)
{
    struct cluster *cluster = make(loop, selector);
    const struct kube_client_options options = {.reach = reach};
    if (kube_client_new(config, &options, &cluster->own_client, err) < 0 ||
        kube_loop_new(cluster->own_client, loop, &cluster->kube, err) < 0) {
        cluster_unref(cluster);
        return -1;
    }
    cluster->client = cluster->own_client;
    *ret_cluster = cluster;
    return 0;
}

int cluster_over(struct loop *loop, struct kube_client *client, struct cluster **ret_cluster,
                 struct error *err)
{
    struct cluster *cluster = make(loop, APPLYSET_PART_OF);
    cluster->client = client;
    if (kube_loop_new(client, loop, &cluster->kube, err) < 0) {
        cluster_unref(cluster);
        return -1;
    }
    *ret_cluster = cluster;
    return 0;
}

void cluster_leave_secrets(struct cluster *cluster)
{
    cluster->leaves_secrets = true;
}

struct cluster *cluster_ref(struct cluster *cluster)
{
    cluster->references++;
    return cluster;
}

void cluster_unref(struct cluster *cluster)
{
    if (cluster == NULL || --cluster->references > 0)
        return;
    loop_timer_free(cluster->rest);
    vec_foreach (struct cluster_type *, type, &cluster->types)
        kube_watch_free((*type)->watch);
    kube_loop_free(cluster->kube);
    kube_client_free(cluster->own_client);
    kube_discovery_unref(cluster->discovery);
    vec_free(&cluster->types);
    vec_free(&cluster->watched);
    vec_free(&cluster->versions);
    vec_free(&cluster->followers);
    pthread_mutex_destroy(&cluster->asking);
    pthread_mutex_destroy(&cluster->lock);
    free(cluster->selector);
    free(cluster);
}

struct kube_client *cluster_client(const struct cluster *cluster)
{
    return cluster->client;
}

struct loop *cluster_loop(const struct cluster *cluster)
{
    return cluster->loop;
}

// ---- kinds ----

static struct cluster_type *intern(struct cluster *cluster, const struct cluster_type *like)
{
    vec_foreach (struct cluster_type *, known, &cluster->types) {
        if (strcmp((*known)->group, like->group) == 0 && strcmp((*known)->kind, like->kind) == 0)
            return *known;
    }
    struct cluster_type *type = xcalloc(1, sizeof *type);
    *type = (struct cluster_type){
        .group = xstrdup(like->group),
        .kind = xstrdup(like->kind),
        .plural = xstrdup(like->plural),
        .version = xstrdup(like->version),
        .namespaced = like->namespaced,
        .has_status = like->has_status,
        .cluster = cluster,
    };
    *(struct cluster_type **)vec_push(&cluster->types) = type;
    return type;
}

static struct cluster_type *intern_kind(struct cluster *cluster, const struct kube_kind *kind)
{
    const struct cluster_type like = {
        .group = kind->group,
        .kind = kind->kind,
        .plural = kind->plural,
        .version = kind->version,
        .namespaced = kind->namespaced,
        .has_status = kind->has_status,
    };
    return intern(cluster, &like);
}

// The loop: watches by versions that are not served any more end, and begin anew.
static void renew_watches(void *arg)
{
    struct cluster *cluster = arg;
    cleanup_vec struct vec types = VEC_OF(struct cluster_type *, NULL);
    pthread_mutex_lock(&cluster->lock);
    vec_foreach (struct cluster_type *, type, &cluster->types) {
        if ((*type)->moved)
            *(struct cluster_type **)vec_push(&types) = *type;
        (*type)->moved = false;
    }
    pthread_mutex_unlock(&cluster->lock);
    vec_foreach (struct cluster_type *, type, &types) {
        if ((*type)->watch == NULL)
            continue;
        kube_watch_free((*type)->watch);
        (*type)->watch = NULL;
        cluster_watch(cluster, *type, (*type)->whole);
    }
}

// Under the lock.
static bool move_versions(struct cluster *cluster)
{
    const struct kube_discovery *discovery = cluster->discovery;
    bool moved = false;
    vec_foreach (struct cluster_type *, at, &cluster->types) {
        struct cluster_type *type = *at;
        const struct kube_kind *kind = kube_discovery_find(discovery, type->group, "", type->kind);
        if (kind == NULL || kind->stale ||
            kube_discovery_find(discovery, type->group, type->version, type->kind) != NULL)
            continue;
        *(char **)vec_push(&cluster->versions) = type->version;
        __atomic_store_n(&type->version, xstrdup(kind->version), __ATOMIC_RELEASE);
        type->moved = moved = true;
    }
    return moved;
}

int cluster_discover(struct cluster *cluster, int64_t max_age_ms, struct cancel *cancel,
                     struct error *err)
{
    int result = 0;
    pthread_mutex_lock(&cluster->asking);
    int64_t now_ms = clock_mono_ms(clock_system());
    if (cluster->discovery == NULL || now_ms - cluster->discovered_mono_ms >= max_age_ms) {
        struct kube_discovery *found = NULL;
        result = kube_discovery_fetch(cluster->client, cluster->discovery, cancel, &found, err);
        if (result == 0) {
            pthread_mutex_lock(&cluster->lock);
            kube_discovery_unref(cluster->discovery);
            cluster->discovery = found;
            cluster->discovered_mono_ms = now_ms;
            bool moved = move_versions(cluster);
            pthread_mutex_unlock(&cluster->lock);
            if (moved)
                loop_post(cluster->loop, renew_watches, cluster);
        }
    }
    pthread_mutex_unlock(&cluster->asking);
    return result;
}

struct cluster_type *cluster_type_of(struct cluster *cluster, const char *group,
                                     const char *version, const char *kind)
{
    struct cluster_type *type = NULL;
    pthread_mutex_lock(&cluster->lock);
    const struct kube_kind *found =
        cluster->discovery != NULL ? kube_discovery_find(cluster->discovery, group, version, kind)
                                   : NULL;
    if (found != NULL)
        type = intern_kind(cluster, found);
    for (size_t i = 0; type == NULL && *version == '\0' && i < cluster->types.len; i++) {
        struct cluster_type *known = *(struct cluster_type **)vec_at(&cluster->types, i);
        if (strcmp(known->group, group) == 0 && strcmp(known->kind, kind) == 0)
            type = known;
    }
    pthread_mutex_unlock(&cluster->lock);
    return type;
}

struct cluster_type *cluster_note_type(struct cluster *cluster, const struct cluster_type *like)
{
    pthread_mutex_lock(&cluster->lock);
    struct cluster_type *type = intern(cluster, like);
    pthread_mutex_unlock(&cluster->lock);
    return type;
}

void cluster_types(struct cluster *cluster, struct vec *ret_types)
{
    const unsigned needed = KUBE_CAN_LIST | KUBE_CAN_DELETE | KUBE_CAN_PATCH;
    pthread_mutex_lock(&cluster->lock);
    size_t n = cluster->discovery != NULL ? kube_discovery_count(cluster->discovery) : 0;
    for (size_t i = 0; i < n; i++) {
        const struct kube_kind *kind = kube_discovery_at(cluster->discovery, i);
        if ((kind->can & needed) != needed || kind->stale)
            continue;
        struct cluster_type *type = intern_kind(cluster, kind);
        bool listed = false;
        vec_foreach (struct cluster_type *, other, ret_types)
            listed |= *other == type;
        if (!listed)
            *(struct cluster_type **)vec_push(ret_types) = type;
    }
    pthread_mutex_unlock(&cluster->lock);
}

bool cluster_is_stale(struct cluster *cluster, const char *group)
{
    pthread_mutex_lock(&cluster->lock);
    bool stale = cluster->discovery == NULL || kube_discovery_is_stale(cluster->discovery, group);
    pthread_mutex_unlock(&cluster->lock);
    return stale;
}

bool cluster_is_whole(struct cluster *cluster)
{
    pthread_mutex_lock(&cluster->lock);
    bool whole = cluster->discovery != NULL && kube_discovery_is_whole(cluster->discovery);
    pthread_mutex_unlock(&cluster->lock);
    return whole;
}

struct kube_ref cluster_type_ref(const struct cluster_type *type, const char *version,
                                 const char *ns, const char *name)
{
    return (struct kube_ref){
        .group = type->group,
        .version = version != NULL ? version : __atomic_load_n(&type->version, __ATOMIC_ACQUIRE),
        .plural = type->plural,
        .namespace_ = type->namespaced ? ns : NULL,
        .name = name,
    };
}

// ---- watches ----

void cluster_follow(struct cluster *cluster, struct cluster_follower *follower)
{
    *(struct cluster_follower **)vec_push(&cluster->followers) = follower;
}

void cluster_unfollow(struct cluster *cluster, struct cluster_follower *follower)
{
    for (size_t i = 0; i < cluster->followers.len; i++) {
        if (*(struct cluster_follower **)vec_at(&cluster->followers, i) == follower) {
            vec_remove(&cluster->followers, i);
            return;
        }
    }
}

static void set_watched(struct cluster_type *type, bool watched)
{
    struct cluster *cluster = type->cluster;
    pthread_mutex_lock(&cluster->lock);
    size_t place = 0;
    while (place < cluster->watched.len &&
           *(struct cluster_type **)vec_at(&cluster->watched, place) != type)
        place++;
    if (watched && place == cluster->watched.len)
        *(struct cluster_type **)vec_push(&cluster->watched) = type;
    else if (!watched && place < cluster->watched.len)
        vec_remove(&cluster->watched, place);
    pthread_mutex_unlock(&cluster->lock);
}

static void set_denied(struct cluster_type *type, bool denied)
{
    pthread_mutex_lock(&type->cluster->lock);
    type->denied = denied;
    pthread_mutex_unlock(&type->cluster->lock);
}

static void on_object(void *arg, enum kube_change change, const json_t *object)
{
    struct cluster_type *type = arg;
    vec_foreach (struct cluster_follower *, follower, &type->cluster->followers)
        (*follower)->on_object((*follower)->arg, type, change, object);
}

static void on_synced(void *arg)
{
    struct cluster_type *type = arg;
    set_denied(type, false);
    set_watched(type, true);
    vec_foreach (struct cluster_follower *, follower, &type->cluster->followers)
        (*follower)->on_synced((*follower)->arg, type);
}

static void on_error(void *arg, const struct error *err)
{
    struct cluster_type *type = arg;
    // What was missed is told once the watch is back.
    log_debug("a watch of a cluster is behind", "kind", type->kind, "group", type->group, "error",
              error_message(err));
    if (err->code == ERROR_DENIED && !type->denied)
        log_warn("a kind may not be watched; its drift is found when all is applied again", "kind",
                 type->kind, "group", type->group, "error", error_message(err));
    if (err->code == ERROR_DENIED)
        set_denied(type, true);
}

void cluster_watch(struct cluster *cluster, struct cluster_type *type, bool whole)
{
    bool secret = *type->group == '\0' && strcmp(type->kind, "Secret") == 0;
    if ((type->watch != NULL && (type->whole || !whole)) || (secret && cluster->leaves_secrets))
        return;
    kube_watch_free(type->watch);
    type->watch = NULL;
    type->whole |= whole;
    set_watched(type, false);
    const struct kube_watch_options options = {
        .ref = cluster_type_ref(type, NULL, NULL, NULL),
        .label_selector = cluster->selector,
        .accept = type->whole ? KUBE_WHOLE : KUBE_METADATA,
    };
    const struct kube_watch_events events = {
        .on_object = on_object, .on_synced = on_synced, .on_error = on_error};
    cleanup_error struct error err = {0};
    if (kube_watch_new(cluster->kube, &options, &events, type, &type->watch, &err) < 0)
        log_warn("a kind cannot be watched; its drift is found at the next sweep", "kind",
                 type->kind, "group", type->group, "error", error_message(&err));
}

static bool is_needed(const struct cluster_type *type)
{
    vec_foreach (struct cluster_follower *, follower, &type->cluster->followers) {
        if ((*follower)->needs((*follower)->arg, type))
            return true;
    }
    return false;
}

static void end_unneeded(void *arg)
{
    struct cluster *cluster = arg;
    cleanup_vec struct vec types = VEC_OF(struct cluster_type *, NULL);
    pthread_mutex_lock(&cluster->lock); // workers add types
    vec_foreach (struct cluster_type *, type, &cluster->types)
        *(struct cluster_type **)vec_push(&types) = *type;
    pthread_mutex_unlock(&cluster->lock);
    vec_foreach (struct cluster_type *, at, &types) {
        struct cluster_type *type = *at;
        if (type->watch == NULL || is_needed(type))
            continue;
        // First, so that no worker relies on it any more.
        set_watched(type, false);
        kube_watch_free(type->watch);
        type->watch = NULL;
        type->whole = false;
        set_denied(type, false);
        log_debug("a kind is not watched any more", "kind", type->kind, "group", type->group);
    }
}

void cluster_rest(struct cluster *cluster)
{
    if (!loop_timer_is_set(cluster->rest))
        loop_timer_set(cluster->rest, 0);
}

bool cluster_type_misses(const struct cluster_type *type, const char *ns, const char *name,
                         uint64_t version)
{
    return type->watch != NULL && kube_watch_misses(type->watch, ns, name, version);
}

bool cluster_is_watched(struct cluster *cluster, const struct cluster_type *type)
{
    pthread_mutex_lock(&cluster->lock);
    bool watched = false;
    vec_foreach (struct cluster_type *, other, &cluster->watched)
        watched |= *other == type;
    pthread_mutex_unlock(&cluster->lock);
    return watched;
}

bool cluster_is_denied(struct cluster *cluster, const struct cluster_type *type)
{
    pthread_mutex_lock(&cluster->lock);
    bool denied = type->denied;
    pthread_mutex_unlock(&cluster->lock);
    return denied;
}
