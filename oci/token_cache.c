// Authorization headers that a registry accepted, by what they were given for.
#include "base/clock.h"
#include "base/memory.h"
#include "oci/registry_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 1000 };

struct token {
    char *key;
    char *authorization;
    int64_t expires_mono_ms; // 0 = never
};

struct oci_token_cache {
    pthread_mutex_t lock;
    struct vec tokens;
};

static void release_token(void *token)
{
    struct token *this = token;
    free(this->key);
    secret_free(this->authorization);
}

struct oci_token_cache *oci_token_cache_new(void)
{
    struct oci_token_cache *cache = xcalloc(1, sizeof *cache);
    pthread_mutex_init(&cache->lock, NULL);
    cache->tokens = VEC_OF(struct token, release_token);
    return cache;
}

void oci_token_cache_free(struct oci_token_cache *cache)
{
    if (cache == NULL)
        return;
    vec_free(&cache->tokens);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

// Under the lock. Drops what has expired, and the entry of this key.
static void sweep(struct oci_token_cache *cache, const char *key)
{
    int64_t now = clock_mono_ms(clock_system());
    for (size_t i = cache->tokens.len; i-- > 0;) {
        const struct token *token = vec_at(&cache->tokens, i);
        if (strcmp(token->key, key) == 0 ||
            (token->expires_mono_ms > 0 && token->expires_mono_ms <= now))
            vec_remove(&cache->tokens, i);
    }
}

char *token_cache_get(struct oci_token_cache *cache, const char *key)
{
    char *authorization = NULL;
    int64_t now = clock_mono_ms(clock_system());
    pthread_mutex_lock(&cache->lock);
    vec_foreach (const struct token, token, &cache->tokens)
        if (strcmp(token->key, key) == 0 &&
            (token->expires_mono_ms == 0 || token->expires_mono_ms > now))
            authorization = xstrdup(token->authorization);
    pthread_mutex_unlock(&cache->lock);
    return authorization;
}

void token_cache_put(struct oci_token_cache *cache, const char *key, const char *authorization,
                     int64_t lifetime_ms)
{
    int64_t expires = lifetime_ms > 0 ? clock_mono_ms(clock_system()) + lifetime_ms : 0;
    pthread_mutex_lock(&cache->lock);
    sweep(cache, key);
    if (cache->tokens.len >= MAX_TOKENS)
        vec_remove(&cache->tokens, 0);
    *(struct token *)vec_push(&cache->tokens) = (struct token){
        .key = xstrdup(key), .authorization = xstrdup(authorization), .expires_mono_ms = expires};
    pthread_mutex_unlock(&cache->lock);
}

void token_cache_drop(struct oci_token_cache *cache, const char *key)
{
    pthread_mutex_lock(&cache->lock);
    sweep(cache, key);
    pthread_mutex_unlock(&cache->lock);
}
