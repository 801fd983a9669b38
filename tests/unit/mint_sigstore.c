// A program for end-to-end tests: reads {"bundles": [...], "root": FILE} from stdin and writes the
// bundles and the trusted root of one fake Sigstore. A bundle is {"file", "artifact" (a file) or
// "statement" (text)} with, optionally, subject, issuer, repository, ref, key (PEM of a private
// key) and v2 (logged by Rekor v2).
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "fake_sigstore.h"

#include <openssl/pem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 16 << 20 };

static void write_json(const char *path, const json_t *value)
{
    cleanup_free char *text = jval_compact(value);
    if (file_write_swap(path, text, strlen(text), 0644, NULL) < 0)
        abort();
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (key == NULL)
        abort();
    fclose(file);
    return key;
}

static void mint(const struct fake_sigstore *fake, const json_t *wish)
{
    const char *statement = jval_string(wish, "statement");
    const char *artifact = jval_string(wish, "artifact");
    const char *key = jval_string(wish, "key");
    cleanup_free char *bytes = NULL;
    size_t size = 0;
    if (statement == NULL && file_read(artifact, MAX_BYTES, &bytes, &size, NULL) < 0)
        abort();
    const struct fake_bundle bundle = {
        .data = statement != NULL ? statement : bytes,
        .size = statement != NULL ? strlen(statement) : size,
        .dsse = statement != NULL,
        .v2 = jval_bool(wish, "v2", false),
        .key = key != NULL ? read_key(key) : NULL,
        .certificate = {.subject = jval_string(wish, "subject"),
                        .issuer = jval_string(wish, "issuer"),
                        // Fulcio writes both.
                        .old_issuer = jval_string_or(wish, "issuer", FAKE_ISSUER),
                        .repository = jval_string(wish, "repository"),
                        .ref = jval_string(wish, "ref")},
    };
    cleanup_json json_t *minted = fake_bundle_mint(fake, &bundle);
    write_json(jval_string(wish, "file"), minted);
    EVP_PKEY_free(bundle.key);
}

int main(void)
{
    cleanup_json json_t *wishes = json_loadf(stdin, 0, NULL);
    struct fake_sigstore fake;
    fake_sigstore_init(&fake);
    size_t index;
    json_t *wish;
    json_array_foreach (json_object_get(wishes, "bundles"), index, wish)
        mint(&fake, wish);
    cleanup_json json_t *root = fake_sigstore_root(&fake);
    write_json(jval_string(wishes, "root"), root);
    fake_sigstore_release(&fake);
    return 0;
}
