// In-toto statements about one artifact: that it is signed, how it was built, that it was released
// to a channel, and that somebody approved it for one. What a statement says counts only after the
// envelope around it verified. Formats: in-toto attestation v1 (spec/v1/statement.md); cosign's
// sign/v1; SLSA provenance v1; https://sealift.dev/release/v1 and https://sealift.dev/approval/v1
// as written below.
#ifndef OCI_SIGN_STATEMENT_H
#define OCI_SIGN_STATEMENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

#define STATEMENT_SIGN_TYPE "https://sigstore.dev/cosign/sign/v1"
#define STATEMENT_PROVENANCE_TYPE "https://slsa.dev/provenance/v1"
#define STATEMENT_RELEASE_TYPE "https://sealift.dev/release/v1"
#define STATEMENT_APPROVAL_TYPE "https://sealift.dev/approval/v1"
#define STATEMENT_BUILD_TYPE "https://sealift.dev/render/v1"
#define STATEMENT_BUILDER_ID "https://sealift.dev/packager"

enum statement_kind {
    STATEMENT_SIGN,       // a signature: predicateType is STATEMENT_SIGN_TYPE and nothing else
    STATEMENT_PROVENANCE, // SLSA provenance of our build type
    STATEMENT_RELEASE,
    STATEMENT_APPROVAL,
    STATEMENT_OTHER, // anything else: verified, and no signature
};

// One more thing that the artifact was rendered from.
struct provenance_input {
    const char *uri;
    const char *algorithm; // "gitCommit", "sha256"
    const char *digest;    // hex
};

// Which sources the artifact was rendered from. NULL and 0 leave a member out.
struct provenance {
    const char *repository; // its identity (base/git_identity.h)
    const char *url;        // "https://…", without credentials; NULL = unknown; not read back
    const char *ref;        // "refs/heads/main"
    const char *commit;     // 40 or 64 hex digits
    const char *path;       // "apps/shop/prod"; "" is the root
    const char *renderer;   // "plain", "kustomize", "helm"
    const char *renderer_version;
    const char *values_digest; // of render as canonical JSON
    const char *request_id;
    int64_t started_ms;
    int64_t finished_ms;
    const struct provenance_input *inputs; // beside the repository; not read back
    size_t n_inputs;
};

// That a digest is what a channel shall run, until a higher sequence says otherwise.
// {repository, channel, sequence, issuedAt, notAfter?, version?, commit?, path?, requestId?,
//  supersedes?, reason?}; with supersedes it is a rollback: somebody chose to go back from that
// digest. Members nobody knows are ignored, so that later versions can add some.
struct release {
    const char *repository; // identity, "registry.example.com/acme/shop"
    const char *channel;    // the moving tag
    int64_t sequence;       // 1 to 2^53 - 1
    int64_t issued_at_ms;   // seconds are kept
    int64_t not_after_ms;   // 0 = none
    const char *version;    // SemVer; NULL when absent, as are those below
    const char *commit;
    const char *path;
    const char *request_id;
    const char *supersedes; // digest
    const char *reason;     // why, for people
};

// That somebody agrees to a digest on a channel: {repository, channel, approvedAt, comment?};
// members nobody knows are ignored. It counts for that repository and channel only.
struct approval {
    const char *repository; // identity
    const char *channel;
    int64_t approved_at_ms; // seconds are kept; the signer's word, and nothing is judged by it
    const char *comment;    // NULL when absent
};

struct statement {
    json_t *root; // owned; the strings below live in it
    enum statement_kind kind;
    const char *predicate_type;
    const char *subject_name;     // of the subject that has the digest; NULL when it has none
    struct provenance provenance; // with STATEMENT_PROVENANCE
    struct release release;       // with STATEMENT_RELEASE
    struct approval approval;     // with STATEMENT_APPROVAL
};
void statement_release(struct statement *statement); // may be called twice
#define cleanup_statement __attribute__((cleanup(statement_release)))

// JSON of a statement about `digest`. subject_name NULL leaves the name out. Owned.
char *statement_build_sign(const char *subject_name, const char *digest);
char *statement_build_provenance(const char *subject_name, const char *digest,
                                 const struct provenance *provenance);
char *statement_build_release(const char *subject_name, const char *digest,
                              const struct release *release);
char *statement_build_approval(const char *subject_name, const char *digest,
                               const struct approval *approval);

// ERROR_INVALID when it is no statement, or misses a member its kind needs; ERROR_UNVERIFIED when
// none of its subjects is `digest` (the message says which is); ERROR_LIMIT.
int statement_parse(const void *data, size_t size, const char *digest,
                    struct statement *ret_statement, struct error *err)
    __attribute__((warn_unused_result));

#endif
