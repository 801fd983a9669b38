// What tests of the registry client share: a repository on fake_registry, and words looked for in
// what it wrote down. Included after cmocka.h by one file per test program.
#ifndef TESTS_UNIT_REGISTRY_SCENE_H
#define TESTS_UNIT_REGISTRY_SCENE_H

#include "base/clock.h"
#include "fake_registry.h"
#include "oci/repository.h"

#define REALM_USER "Basic dTpw" // u:p

static inline struct oci_repository *open_at(const struct fake *fake, struct oci_access *access)
{
    cleanup_free char *text = xasprintf("oci://127.0.0.1:%d/acme/shop", fake->port);
    cleanup_oci_reference struct oci_reference reference = {0};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    static const char no_proxy[] = "";
    access->proxy = no_proxy;
    if (access->deadline_mono_ms == 0)
        access->deadline_mono_ms = clock_mono_ms(clock_system()) + 20 * 1000;
    struct oci_repository *repository = NULL;
    cleanup_error struct error err = {0};
    if (oci_repository_open(&reference, access, &repository, &err) < 0)
        fail_msg("%s", error_message(&err));
    return repository;
}

static inline void assert_says(const struct error *err, enum error_code code, const char *words)
{
    if (err->code != code || strstr(error_message(err), words) == NULL)
        fail_msg("expected %s, \"%s\"; got %s: %s", error_code_name(code), words,
                 error_code_name(err->code), error_message(err));
}

static inline void assert_journal(const struct fake *fake, const char *words)
{
    if (strstr(fake->journal.data, words) == NULL)
        fail_msg("no \"%s\" in:\n%s", words, fake->journal.data);
}

static inline void assert_not_in_journal(const struct fake *fake, const char *words)
{
    if (strstr(fake->journal.data, words) != NULL)
        fail_msg("\"%s\" in:\n%s", words, fake->journal.data);
}

static inline int get_hello(struct oci_repository *repository, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor blob = oci_descriptor_of("a/b", "hello", 5);
    cleanup_free char *data = NULL;
    size_t size = 0;
    return oci_get_blob(repository, &blob, 100, &data, &size, err);
}

#endif
