// What tests of trust policies share: five keys, one policy, one pile of evidence about one
// artifact. Included after cmocka.h by one file per test program.
#ifndef TESTS_UNIT_POLICY_SCENE_H
#define TESTS_UNIT_POLICY_SCENE_H

#include "base/memory.h"
#include "oci/sign/key.h"
#include "oci/sign/policy.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

#define DIGEST "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define OTHER "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define REPOSITORY "registry.example.com/acme/shop"
#define ELSEWHERE "registry.example.com/acme/blog"
#define NOW INT64_C(1795255200000)
#define HOUR INT64_C(3600000)

enum { KEYS = 5 };

// Five keys, one policy, one pile of evidence.
struct scene {
    struct sign_key *keys[KEYS];
    char *pems[KEYS];
    struct trust_policy policy;
    struct evidence_set evidence;
    struct trust_subject subject;
    struct trust_verdict verdict;
};

static inline int make_keys(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    for (int i = 0; i < KEYS; i++) {
        if (sign_key_generate(&scene->keys[i], NULL) < 0)
            return -1;
        scene->pems[i] = verify_key_pem(sign_key_public(scene->keys[i]));
    }
    *state = scene;
    return 0;
}

static inline int free_keys(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < KEYS; i++) {
        sign_key_free(scene->keys[i]);
        free(scene->pems[i]);
    }
    free(scene);
    return 0;
}

static inline int set_up(void **state)
{
    struct scene *scene = *state;
    trust_policy_init(&scene->policy, "TrustPolicy prod");
    evidence_set_init(&scene->evidence);
    scene->verdict = (struct trust_verdict){0};
    scene->subject = (struct trust_subject){
        .repository = REPOSITORY, .digest = DIGEST, .channel = "prod", .now_ms = NOW};
    return 0;
}

static inline int tear_down(void **state)
{
    struct scene *scene = *state;
    trust_policy_release(&scene->policy);
    evidence_set_release(&scene->evidence);
    trust_verdict_release(&scene->verdict);
    return 0;
}

static inline void add_key(struct scene *scene, struct trust_entry *entry, const char *name,
                           int key)
{
    cleanup_error struct error err = {0};
    if (trust_entry_add_key(entry, name, scene->pems[key], strlen(scene->pems[key]), 0, 0, &err) <
        0)
        fail_msg("%s", error_message(&err));
}

// Keys are named k0 to k4.
static inline struct trust_entry *add_entry(struct scene *scene, const char *name,
                                            unsigned threshold, const char *keys)
{
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, name, threshold);
    for (; *keys != '\0'; keys++) {
        cleanup_free char *key = xasprintf("k%c", *keys);
        add_key(scene, entry, key, *keys - '0');
    }
    return entry;
}

static inline struct evidence *add_evidence(struct scene *scene, int key)
{
    struct evidence *item = vec_push(&scene->evidence.items);
    item->form = EVIDENCE_BUNDLE;
    item->signer = *verify_key_fingerprint(sign_key_public(scene->keys[key]));
    return item;
}

static inline void add_signature(struct scene *scene, int key, const char *repository)
{
    struct evidence *item = add_evidence(scene, key);
    item->kind = STATEMENT_SIGN;
    item->repository = xstrdup_or_null(repository);
}

static inline void add_release(struct scene *scene, int key, const char *channel, int64_t sequence)
{
    struct evidence *item = add_evidence(scene, key);
    item->kind = STATEMENT_RELEASE;
    item->statement.kind = STATEMENT_RELEASE;
    item->statement.release = (struct release){.repository = REPOSITORY,
                                               .channel = channel,
                                               .sequence = sequence,
                                               .issued_at_ms = NOW - HOUR};
}

static inline void add_provenance(struct scene *scene, int key, const char *repository,
                                  const char *ref, const char *path)
{
    struct evidence *item = add_evidence(scene, key);
    item->kind = STATEMENT_PROVENANCE;
    item->statement.kind = STATEMENT_PROVENANCE;
    item->statement.provenance =
        (struct provenance){.repository = repository, .ref = ref, .commit = "abc", .path = path};
}

static inline struct release *last_release(struct scene *scene)
{
    struct evidence *item = vec_at(&scene->evidence.items, scene->evidence.items.len - 1);
    return &item->statement.release;
}

static inline struct evidence *last_evidence(struct scene *scene)
{
    return vec_at(&scene->evidence.items, scene->evidence.items.len - 1);
}

// The last statement is a@example.com's, under the policy's root.
static inline void vouch(struct scene *scene)
{
    struct evidence *item = last_evidence(scene);
    item->subject = xstrdup("a@example.com");
    item->issuer = xstrdup("https://token.example.com");
    item->root = scene->policy.root->digest;
}

static inline const struct trust_verdict *judge(struct scene *scene)
{
    trust_verdict_release(&scene->verdict);
    trust_evaluate(&scene->policy, 1, &scene->subject, &scene->evidence, &scene->verdict);
    return &scene->verdict;
}

static inline void assert_met(struct scene *scene)
{
    const struct trust_verdict *verdict = judge(scene);
    if (!verdict->met)
        fail_msg("%s", verdict->message);
    assert_int_equal(verdict->reason, TRUST_MET);
}

static inline void assert_unmet(struct scene *scene, enum trust_reason reason, const char *says)
{
    const struct trust_verdict *verdict = judge(scene);
    assert_false(verdict->met);
    if (verdict->reason != reason || strstr(verdict->message, says) == NULL)
        fail_msg("%s, not %s: \"%s\" shall say \"%s\"", trust_reason_name(verdict->reason),
                 trust_reason_name(reason), verdict->message, says);
}

#define ISSUER "https://token.example.com"

// A root that vouches for nobody: what it verified is in the evidence already.
static inline const struct digest *set_root(struct scene *scene)
{
    static const char root[] =
        "{\"mediaType\":\"application/vnd.dev.sigstore.trustedroot+json;version=0.1\"}";
    assert_int_equal(trust_policy_set_root(&scene->policy, root, strlen(root), "root", NULL), 0);
    return &scene->policy.root->digest;
}

static inline void add_identity(struct trust_entry *entry, const char *subject)
{
    assert_int_equal(trust_entry_add_identity(entry, ISSUER, subject, NULL), 0);
}

// Signed by `subject` with a key of the moment: one of the five.
static inline struct evidence *add_keyless(struct scene *scene, const char *subject, int key)
{
    add_signature(scene, key, REPOSITORY);
    struct evidence *item = vec_at(&scene->evidence.items, scene->evidence.items.len - 1);
    item->subject = xstrdup(subject);
    item->issuer = xstrdup(ISSUER);
    item->root = scene->policy.root->digest;
    return item;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
