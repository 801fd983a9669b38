// Whom to ask when something is signed without a key: which authority of certificates, which logs,
// which timestamp authorities, and how many of each. The file is the administrator's; it is read
// strictly where a mistake would send a token to the wrong place, and members that later versions
// add are passed over.
// Format: sigstore/protobuf-specs, sigstore_trustroot.proto (SigningConfig 0.2) as proto3 JSON.
//
// A parsed configuration does not change; any thread may use it.
#ifndef OCI_SIGN_SIGNING_CONFIG_H
#define OCI_SIGN_SIGNING_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/trusted_root.h"

enum { SIGNING_CONFIG_MAX_BYTES = 256 << 10 };

struct signing_service {
    char *url;     // without '/' at its end; owned
    int64_t major; // of its interface
    struct validity valid;
    char *run_by; // who runs it; "" when nobody is named; owned
};

enum signing_selector {
    SIGNING_ALL,   // one of every operator
    SIGNING_ANY,   // one
    SIGNING_EXACT, // `count`, each of another operator
};

struct signing_choice {
    enum signing_selector selector;
    int64_t count; // with SIGNING_EXACT
};

struct signing_config {
    struct vec authorities; // struct signing_service: of certificates
    struct vec logs;
    struct vec tsas;
    struct signing_choice log_choice;
    struct signing_choice tsa_choice;
};

// `what` names it in messages ("--signing-config FILE"). *ret_config is owned. ERROR_INVALID,
// ERROR_LIMIT.
int signing_config_parse(const char *data, size_t size, const char *what,
                         struct signing_config **ret_config, struct error *err)
    __attribute__((warn_unused_result));
void signing_config_free(struct signing_config *config); // NULL is fine
void cleanup_signing_config_pointer(struct signing_config **config);
#define cleanup_signing_config __attribute__((cleanup(cleanup_signing_config_pointer)))

// Appends to `selected` (const struct signing_service *, borrowed from services) those that are
// valid at now_ms and speak the highest major version that any of them has, up to newest_major; of
// each operator the one that began last. `what` names the kind ("log"). ERROR_INVALID when there
// are not enough.
int signing_services_select(const struct vec *services, const struct signing_choice *choice,
                            int64_t newest_major, int64_t now_ms, const char *what,
                            struct vec *selected, struct error *err)
    __attribute__((warn_unused_result));
#define SIGNING_SERVICES VEC_OF(const struct signing_service *, NULL)

#endif
