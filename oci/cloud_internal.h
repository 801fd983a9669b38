// The parts of cloud logins.
//
//     cloud_login.c  which cloud; asking and keeping; Google
//     cloud_aws.c    credentials of AWS, Signature Version 4, ECR's GetAuthorizationToken
//     cloud_azure.c  a token of Entra ID, exchanged at the registry
#ifndef OCI_CLOUD_INTERNAL_H
#define OCI_CLOUD_INTERNAL_H

#include <jansson.h>

#include "oci/cloud_login.h"

struct cloud_request {
    const char *method; // NULL: GET, or POST with a body
    const char *url;
    struct vec headers; // struct http_header
    const char *body;
    bool metadata; // of the machine itself: never through a proxy, and given up early
};
// The body of a 2xx, owned with a NUL; secrets may be in it. `what` completes "ask <what>".
int cloud_ask_text(const struct cloud_way *way, struct cloud_request *request, const char *what,
                   char **ret_text, struct error *err) __attribute__((warn_unused_result));
// The same as a JSON object. Errors never quote it.
int cloud_ask(const struct cloud_way *way, struct cloud_request *request, const char *what,
              json_t **ret_answer, struct error *err) __attribute__((warn_unused_result));
#define CLOUD_REQUEST(...)                   \
    (struct cloud_request)                   \
    {                                        \
        .headers = HTTP_HEADERS, __VA_ARGS__ \
    }
void cloud_request_release(struct cloud_request *request);
#define cleanup_cloud_request __attribute__((cleanup(cloud_request_release)))

// A variable that is set and not empty, or NULL.
const char *cloud_env(const char *name);
// The member, or an error that says what is missing from which answer. Borrowed.
int cloud_member(const json_t *answer, const char *path, const char *what, const char **ret_text,
                 struct error *err) __attribute__((warn_unused_result));

// "123456789012.dkr.ecr.eu-central-1.amazonaws.com", also -fips and .cn; *ret_region is owned, may
// be NULL.
bool cloud_is_ecr(const char *host, char **ret_region);
int cloud_ecr_login(const char *host, const struct cloud_way *way, struct oci_credentials *ret,
                    struct error *err) __attribute__((warn_unused_result));
bool cloud_is_acr(const char *host);
int cloud_acr_login(const char *host, const struct cloud_way *way, struct oci_credentials *ret,
                    struct error *err) __attribute__((warn_unused_result));

#endif
