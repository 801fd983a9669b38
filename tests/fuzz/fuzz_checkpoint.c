// A log's checkpoint, and the signatures below it.
#include "oci/sign/checkpoint.h"

#include "base/memory.h"
#include "oci/sign/key.h"
#include "oci/sign/trusted_root.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct verify_key *log_key(const char *pem)
{
    struct verify_key *key = NULL;
    if (verify_key_load(pem, strlen(pem), "log", &key, NULL) < 0)
        abort();
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char ecdsa[] = "-----BEGIN PUBLIC KEY-----\n"
                                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwr\n"
                                "kBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==\n"
                                "-----END PUBLIC KEY-----\n";
    static const char ed25519[] = "-----BEGIN PUBLIC KEY-----\n"
                                  "MCowBQYDK2VwAyEAt8rlp1knGwjfbcXAYPYAkn0XiLz1x8O4t0YkEhie244=\n"
                                  "-----END PUBLIC KEY-----\n";
    static struct trusted_log logs[2];
    if (logs[0].key == NULL)
        for (int i = 0; i < 2; i++) {
            logs[i].key = log_key(i == 0 ? ecdsa : ed25519);
            logs[i].host = xstrdup("log2025-1.rekor.sigstore.dev");
        }
    cleanup_free char *text = xstrndup((const char *)data, size);
    struct checkpoint checkpoint;
    if (checkpoint_parse(text, &checkpoint, NULL) < 0)
        return 0;
    for (int i = 0; i < 2; i++)
        if (checkpoint_verify(&checkpoint, &logs[i], NULL) == 0 && checkpoint.tree_size < 0)
            abort();
    return 0;
}
