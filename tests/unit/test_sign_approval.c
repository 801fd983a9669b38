// Approvals: signatures that name a channel, and the roles that ask for them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_scene.h"

static void add_approval(struct scene *scene, int key, const char *channel)
{
    struct evidence *item = add_evidence(scene, key);
    item->kind = STATEMENT_APPROVAL;
    item->repository = xstrdup(REPOSITORY);
    item->statement.kind = STATEMENT_APPROVAL;
    item->statement.approval = (struct approval){
        .repository = REPOSITORY, .channel = channel, .approved_at_ms = NOW - HOUR};
}

// A packager (k0) that attests, and two of k1, k2 and k3.
static struct trust_entry *add_roles(struct scene *scene)
{
    add_entry(scene, "packager", 1, "0")->attests = true;
    struct trust_entry *approvers = add_entry(scene, "approvers", 2, "123");
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    return approvers;
}

static void test_approval_two_of_three(void **state)
{
    struct scene *scene = *state;
    add_roles(scene);
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED,
                 "2 approvals of approvers (k1, k2, k3): found 0 of 2: no signature");
    add_approval(scene, 1, "prod");
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED,
                 "found 1 of 2: k1; missing 1 more of k2, k3; run: sealift approve " REPOSITORY
                 "@" DIGEST " --channel prod --key FILE");
    add_approval(scene, 1, "prod");
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED, "found 1 of 2: k1; missing");
    add_approval(scene, 3, "prod");
    assert_met(scene);
}

static void test_approval_counts_where_it_says(void **state)
{
    struct scene *scene = *state;
    add_roles(scene)->threshold = 1;
    add_approval(scene, 1, "staging");
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED, "k1 (approved for staging)");
    struct evidence *item = last_evidence(scene);
    item->statement.approval.channel = "prod";
    assert_met(scene);
    free(item->repository);
    item->repository = xstrdup(ELSEWHERE);
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED, "k1 (for the repository " ELSEWHERE ")");
}

static void test_approval_needs_a_channel_that_is_known(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "approvers", 1, "1")->approves = true;
    scene->subject.channel = NULL;
    add_approval(scene, 1, "prod");
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED,
                 "k1 (approved for prod, and no channel is known here)");
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED, "--channel CHANNEL --key FILE");
    scene->subject.channel = "prod";
    assert_met(scene);
}

static void test_approval_and_plain_signature(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *approvers = add_roles(scene);
    add_approval(scene, 1, "prod");
    add_signature(scene, 2, REPOSITORY);
    assert_met(scene);
    // A signature names no channel: an entry may ask for better.
    approvers->approves = true;
    assert_unmet(
        scene, TRUST_APPROVAL_REQUIRED,
        "found 1 of 2: k1, k2 (a signature that names no channel is no approval); missing 1 "
        "more of k2, k3");
    add_approval(scene, 2, "prod");
    assert_met(scene);
}

// Whatever else is wrong is told first: approvals come last.
static void test_approval_is_asked_for_last(void **state)
{
    struct scene *scene = *state;
    add_roles(scene);
    vec_clear(&scene->evidence.items);
    add_signature(scene, 0, REPOSITORY);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "a release to channel prod");
}

static void test_approval_by_identities(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "people", 2);
    entry->approves = true;
    set_root(scene);
    add_identity(entry, "a@example.com");
    add_identity(entry, "b@example.com");
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED,
                 "cosign attest --type https://sealift.dev/approval/v1");
    add_approval(scene, 1, "prod");
    vouch(scene);
    add_approval(scene, 2, "prod");
    vouch(scene);
    // One person with two certificates.
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED,
                 "found 1 of 2: a@example.com; missing 1 more of b");
    free(last_evidence(scene)->subject);
    last_evidence(scene)->subject = xstrdup("b@example.com");
    assert_met(scene);
    entry->approves = false;
    vec_clear(&scene->evidence.items);
    assert_unmet(scene, TRUST_UNVERIFIED, "have it signed by such an identity");
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED, "have it approved by such an identity");
}

static void test_approval_reaches_a_layout(void **state)
{
    struct scene *scene = *state;
    add_roles(scene);
    scene->subject.repository = "oci-layout:/srv/shop";
    vec_foreach (struct evidence, item, &scene->evidence.items) {
        free(item->repository);
        item->repository = xstrdup("oci-layout:/srv/shop");
        item->statement.release.repository = "oci-layout:/srv/shop";
    }
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED,
                 "run: sealift approve oci-layout:///srv/shop@" DIGEST " --channel prod");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_approval_two_of_three),
        TEST(test_approval_counts_where_it_says),
        TEST(test_approval_needs_a_channel_that_is_known),
        TEST(test_approval_and_plain_signature),
        TEST(test_approval_is_asked_for_last),
        TEST(test_approval_by_identities),
        TEST(test_approval_reaches_a_layout),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
