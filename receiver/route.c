#include "receiver/route.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void hook_path(const void *token, size_t token_size, const char *namespace, const char *name,
               char ret_path[HOOK_PATH_SIZE])
{
    assert(token_size >= HOOK_TOKEN_MIN_BYTES);
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 4096);
    strbuf_add(&text, "hook", sizeof "hook");
    strbuf_add(&text, namespace, strlen(namespace) + 1);
    strbuf_addstr(&text, name);
    unsigned char mac[SHA256_SIZE];
    hmac_sha256(token, token_size, text.data, text.len, mac);
    cleanup_free char *hex = hex_encode(mac, sizeof mac);
    snprintf(ret_path, HOOK_PATH_SIZE, HOOK_PATH_PREFIX "%s", hex);
}

bool hook_path_equal(const char *path, const char *given)
{
    return strlen(path) == HOOK_PATH_SIZE - 1 && strlen(given) == HOOK_PATH_SIZE - 1 &&
           mac_equal(path, given, HOOK_PATH_SIZE - 1);
}

void hook_path_shown(const char *path, char ret_shown[HOOK_PATH_SHOWN_SIZE])
{
    snprintf(ret_shown, HOOK_PATH_SHOWN_SIZE, "%.*s…", (int)sizeof HOOK_PATH_PREFIX - 1 + 8, path);
}
