// A program for tests/bench: how much CPU one verification takes, by a key and keyless, from the
// bytes of a bundle to the answer. Prints JSON; writes what it verified into the folder it is
// given, so that other programs can be measured on the same.
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "fake_sigstore.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"
#include "oci/sign/trusted_root.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARTIFACT "what is verified\n"

static const double seconds = 2;

struct subject {
    const char *name;
    char *bundle;
    struct verify_key *key; // NULL: keyless
    const struct trusted_root *root;
};

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void verify(const struct subject *subject, const struct signed_data *data)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_certificate struct certificate *signer = NULL;
    cleanup_error struct error err = {0};
    int result = sigstore_bundle_parse(subject->bundle, strlen(subject->bundle), &bundle, &err);
    if (result == 0)
        result = subject->key != NULL
                     ? sigstore_verify_keyed(&bundle, subject->key, NULL, data, &err)
                     : sigstore_verify_keyless(&bundle, subject->root, data, &signer, &err);
    if (result == 0)
        result = sigstore_check_content(&bundle, data, &err);
    if (result == 0)
        return;
    fprintf(stderr, "%s: %s\n", subject->name, error_message(&err));
    exit(1);
}

static void measure(const struct subject *subject, json_t *figures)
{
    struct signed_data data;
    signed_data_of(ARTIFACT, strlen(ARTIFACT), &data);
    verify(subject, &data);
    double began = cpu_s();
    long count = 0;
    while (cpu_s() - began < seconds) {
        verify(subject, &data);
        count++;
    }
    json_object_set_new(figures, subject->name, json_real((double)count / (cpu_s() - began)));
}

static void write_file(const char *folder, const char *name, const char *text)
{
    cleanup_free char *path = path_join(folder, name);
    if (file_write_swap(path, text, strlen(text), 0644, NULL) < 0)
        abort();
}

static char *mint(const struct fake_sigstore *fake, const char *folder, const char *name,
                  struct fake_bundle wish)
{
    wish.data = ARTIFACT;
    wish.size = strlen(ARTIFACT);
    cleanup_json json_t *bundle = fake_bundle_mint(fake, &wish);
    char *text = jval_compact(bundle);
    write_file(folder, name, text);
    return text;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    struct fake_sigstore fake;
    fake_sigstore_init(&fake);
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    cleanup_free char *pem = fake_public_pem(key);
    cleanup_json json_t *root_json = fake_sigstore_root(&fake);
    cleanup_free char *root_text = jval_compact(root_json);
    cleanup_trusted_root struct trusted_root *root = NULL;
    cleanup_verify_key struct verify_key *public_key = NULL;
    if (trusted_root_parse(root_text, strlen(root_text), "root", &root, NULL) < 0 ||
        verify_key_load(pem, strlen(pem), "key", &public_key, NULL) < 0)
        return 1;
    write_file(argv[1], "artifact", ARTIFACT);
    write_file(argv[1], "trusted_root.json", root_text);
    write_file(argv[1], "key.pub", pem);
    struct subject subjects[] = {
        {"keyed",
         mint(&fake, argv[1], "keyed.json", (struct fake_bundle){.keyed = true, .key = key}),
         public_key, NULL},
        {"keyless, Rekor v1", mint(&fake, argv[1], "rekor1.json", (struct fake_bundle){0}), NULL,
         root},
        {"keyless, Rekor v2", mint(&fake, argv[1], "rekor2.json", (struct fake_bundle){.v2 = true}),
         NULL, root},
    };
    cleanup_json json_t *figures = json_object();
    for (size_t i = 0; i < ARRAY_LENGTH(subjects); i++) {
        measure(&subjects[i], figures);
        free(subjects[i].bundle);
    }
    cleanup_free char *text = jval_pretty(figures);
    fputs(text, stdout);
    EVP_PKEY_free(key);
    fake_sigstore_release(&fake);
    return 0;
}
