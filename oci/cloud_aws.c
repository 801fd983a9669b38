// Amazon ECR: AWS credentials of the process, then GetAuthorizationToken, signed with them.
// Format: "Signature Version 4 signing process"; Amazon ECR API reference; the variables are those
// of all AWS SDKs. Credentials are looked for in their order: variables, a web identity (IRSA), the
// container's (ECS, EKS Pod Identity), the machine's (IMDSv2).
#include "oci/cloud_internal.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/url.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define CONTENT_TYPE "application/x-amz-json-1.1"
#define TARGET "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
#define SIGNED_HEADERS "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
#define SIGNED_HEADERS_PLAIN "content-type;host;x-amz-date;x-amz-target"

enum { MAX_TOKEN_FILE = 64 * 1024, ACCOUNT_DIGITS = 12 };

struct aws_keys {
    char *id;
    char *secret;
    char *session; // NULL where the keys are somebody's own
};

static void aws_keys_release(struct aws_keys *keys)
{
    secret_free(keys->id);
    secret_free(keys->secret);
    secret_free(keys->session);
}

// What is between the account and the domain: "ecr" or "ecr-fips" and a region.
static bool split_host(const char *host, const char **ret_service, char **ret_region,
                       const char **ret_domain)
{
    static const char *const services[] = {".dkr.ecr.", ".dkr.ecr-fips."};
    if (strspn(host, "0123456789") != ACCOUNT_DIGITS)
        return false;
    const char *rest = host + ACCOUNT_DIGITS;
    for (size_t i = 0; i < ARRAY_LENGTH(services); i++) {
        size_t length = strlen(services[i]);
        if (strncmp(rest, services[i], length) != 0)
            continue;
        const char *region = rest + length;
        size_t region_length = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
        const char *domain = region + region_length;
        if (region_length == 0 ||
            (strcmp(domain, ".amazonaws.com") != 0 && strcmp(domain, ".amazonaws.com.cn") != 0))
            return false;
        *ret_service = i == 0 ? "api.ecr." : "ecr-fips.";
        *ret_region = xstrndup(region, region_length);
        *ret_domain = domain;
        return true;
    }
    return false;
}

bool cloud_is_ecr(const char *host, char **ret_region)
{
    const char *service, *domain;
    cleanup_free char *region = NULL;
    if (!split_host(host, &service, &region, &domain))
        return false;
    if (ret_region != NULL)
        *ret_region = STEAL(region);
    return true;
}

// --- Credentials

static int take_keys(const json_t *answer, const char *path, const char *token, const char *what,
                     struct aws_keys *keys, struct error *err)
{
    const char *id = NULL, *secret = NULL, *session = NULL;
    const json_t *from = *path != '\0' ? jval_object(answer, path) : answer;
    if (cloud_member(from, "AccessKeyId", what, &id, err) < 0 ||
        cloud_member(from, "SecretAccessKey", what, &secret, err) < 0 ||
        cloud_member(from, token, what, &session, err) < 0)
        return -1;
    keys->id = xstrdup(id);
    keys->secret = xstrdup(secret);
    keys->session = xstrdup(session);
    return 0;
}

static int read_token_file(const char *variable, const char *path, char **ret_text,
                           struct error *err)
{
    if (file_read(path, MAX_TOKEN_FILE, ret_text, NULL, err) < 0)
        return error_wrap(err, "%s", variable);
    (*ret_text)[strcspn(*ret_text, "\r\n")] = '\0';
    return 0;
}

static int web_identity(const struct cloud_way *way, const char *file, const char *region,
                        struct aws_keys *keys, struct error *err)
{
    const char *role = cloud_env("AWS_ROLE_ARN");
    const char *endpoint = cloud_env("AWS_ENDPOINT_URL_STS");
    const char *session = cloud_env("AWS_ROLE_SESSION_NAME");
    cleanup_secret char *token = NULL;
    if (role == NULL)
        return error_set(err, ERROR_INVALID,
                         "AWS_WEB_IDENTITY_TOKEN_FILE is set, but not "
                         "AWS_ROLE_ARN");
    if (read_token_file("AWS_WEB_IDENTITY_TOKEN_FILE", file, &token, err) < 0)
        return -1;
    cleanup_free char *own = xasprintf("https://sts.%s.amazonaws.com%s", region,
                                       strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    cleanup_free char *role_text = url_escape(role);
    cleanup_free char *session_text = url_escape(session != NULL ? session : "sealift");
    cleanup_secret char *token_text = url_escape(token);
    cleanup_secret char *form = xasprintf(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=%s&RoleSessionName=%s"
        "&WebIdentityToken=%s",
        role_text, session_text, token_text);
    cleanup_cloud_request struct cloud_request request =
        CLOUD_REQUEST(.url = endpoint != NULL ? endpoint : own, .body = form);
    http_headers_add(&request.headers, "Content-Type", "application/x-www-form-urlencoded");
    http_headers_add(&request.headers, "Accept", "application/json");
    cleanup_json json_t *answer = NULL;
    if (cloud_ask(way, &request, "AWS STS", &answer, err) < 0)
        return -1;
    return take_keys(answer,
                     "AssumeRoleWithWebIdentityResponse.AssumeRoleWithWebIdentityResult."
                     "Credentials",
                     "SessionToken", "AWS STS", keys, err);
}

static int container_keys(const struct cloud_way *way, const char *url, struct aws_keys *keys,
                          struct error *err)
{
    static const char what[] = "the container's credential service";
    const char *file = cloud_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *given = cloud_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    cleanup_secret char *token = file == NULL ? xstrdup_or_null(given) : NULL;
    if (file != NULL &&
        read_token_file("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file, &token, err) < 0)
        return -1;
    cleanup_cloud_request struct cloud_request request =
        CLOUD_REQUEST(.url = url, .metadata = true);
    if (token != NULL)
        http_headers_add(&request.headers, "Authorization", token);
    cleanup_json json_t *answer = NULL;
    if (cloud_ask(way, &request, what, &answer, err) < 0)
        return -1;
    return take_keys(answer, "", "Token", what, keys, err);
}

static int ask_machine(const struct cloud_way *way, const char *method, const char *path,
                       const char *header, const char *value, char **ret_text, struct error *err)
{
    const char *host = cloud_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    cleanup_free char *url =
        xasprintf("%s%s", host != NULL ? host : "http://169.254.169.254", path);
    cleanup_cloud_request struct cloud_request request =
        CLOUD_REQUEST(.method = method, .url = url, .metadata = true);
    http_headers_add(&request.headers, header, value);
    return cloud_ask_text(way, &request, "the metadata service of AWS", ret_text, err);
}

static int machine_keys(const struct cloud_way *way, struct aws_keys *keys, struct error *err)
{
    static const char roles[] = "/latest/meta-data/iam/security-credentials/";
    cleanup_secret char *token = NULL;
    cleanup_free char *role = NULL;
    cleanup_secret char *text = NULL;
    cleanup_json json_t *answer = NULL;
    if (ask_machine(way, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60",
                    &token, err) < 0 ||
        ask_machine(way, "GET", roles, "X-aws-ec2-metadata-token", token, &role, err) < 0)
        return -1;
    role[strcspn(role, "\r\n")] = '\0';
    cleanup_free char *path = xasprintf("%s%s", roles, role);
    if (ask_machine(way, "GET", path, "X-aws-ec2-metadata-token", token, &text, err) < 0)
        return -1;
    if (jval_parse_object(text, strlen(text), "AWS", &answer, NULL) < 0)
        return error_set(err, ERROR_INVALID, "the metadata service of AWS answered no JSON object");
    return take_keys(answer, "", "Token", "the metadata service of AWS", keys, err);
}

static int find_keys(const struct cloud_way *way, const char *region, struct aws_keys *keys,
                     struct error *err)
{
    const char *id = cloud_env("AWS_ACCESS_KEY_ID");
    const char *secret = cloud_env("AWS_SECRET_ACCESS_KEY");
    const char *file = cloud_env("AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *full = cloud_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *relative = cloud_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (id != NULL && secret != NULL) {
        keys->id = xstrdup(id);
        keys->secret = xstrdup(secret);
        keys->session = xstrdup_or_null(cloud_env("AWS_SESSION_TOKEN"));
        return 0;
    }
    if (file != NULL)
        return web_identity(way, file, region, keys, err);
    if (full != NULL)
        return container_keys(way, full, keys, err);
    if (relative != NULL) {
        cleanup_free char *url = xasprintf("http://169.254.170.2%s", relative);
        return container_keys(way, url, keys, err);
    }
    return machine_keys(way, keys, err);
}

// --- Signature Version 4

static char *hex_hash(const char *text)
{
    unsigned char hash[SHA256_SIZE];
    sha256(text, strlen(text), hash);
    return hex_encode(hash, sizeof hash);
}

static void chain(unsigned char key[SHA256_SIZE], const char *text)
{
    unsigned char next[SHA256_SIZE];
    hmac_sha256(key, SHA256_SIZE, text, strlen(text), next);
    memcpy(key, next, SHA256_SIZE);
    explicit_bzero(next, sizeof next);
}

// date is "20261121T101500Z"; the scope uses its first eight characters.
static char *sign(const struct aws_keys *keys, const char *date, const char *region,
                  const char *canonical)
{
    cleanup_free char *day = xstrndup(date, 8);
    cleanup_free char *hashed = hex_hash(canonical);
    cleanup_free char *text =
        xasprintf("AWS4-HMAC-SHA256\n%s\n%s/%s/ecr/aws4_request\n%s", date, day, region, hashed);
    cleanup_secret char *first = xasprintf("AWS4%s", keys->secret);
    unsigned char key[SHA256_SIZE];
    hmac_sha256(first, strlen(first), day, strlen(day), key);
    chain(key, region);
    chain(key, "ecr");
    chain(key, "aws4_request");
    chain(key, text);
    cleanup_free char *signature = hex_encode(key, sizeof key);
    explicit_bzero(key, sizeof key);
    return xasprintf("AWS4-HMAC-SHA256 Credential=%s/%s/%s/ecr/aws4_request, SignedHeaders=%s, "
                     "Signature=%s",
                     keys->id, day, region,
                     keys->session != NULL ? SIGNED_HEADERS : SIGNED_HEADERS_PLAIN, signature);
}

// "2026-11-21T10:15:00Z" without its separators. Owned.
static char *compact_time(void)
{
    char text[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(clock_system()), text);
    size_t n = 0;
    for (const char *cursor = text; *cursor != '\0'; cursor++)
        if (isalnum((unsigned char)*cursor))
            text[n++] = *cursor;
    text[n] = '\0';
    return xstrdup(text);
}

static int ask_ecr(const struct cloud_way *way, const char *endpoint, const char *region,
                   const struct aws_keys *keys, json_t **ret_answer, struct error *err)
{
    static const char body[] = "{}";
    cleanup_url struct url parsed = {0};
    if (url_parse(endpoint, &parsed, err) < 0)
        return error_wrap(err, "the address of ECR");
    bool usual = parsed.port == (strcmp(parsed.scheme, "https") == 0 ? 443 : 80);
    cleanup_free char *host =
        usual ? xstrdup(parsed.host) : xasprintf("%s:%d", parsed.host, parsed.port);
    cleanup_free char *date = compact_time();
    cleanup_free char *body_hash = hex_hash(body);
    cleanup_secret char *session =
        keys->session != NULL ? xasprintf("x-amz-security-token:%s\n", keys->session) : xstrdup("");
    cleanup_secret char *canonical =
        xasprintf("POST\n/\n\ncontent-type:" CONTENT_TYPE "\nhost:%s\nx-amz-date:%s\n%s"
                  "x-amz-target:" TARGET "\n\n%s\n%s",
                  host, date, session,
                  keys->session != NULL ? SIGNED_HEADERS : SIGNED_HEADERS_PLAIN, body_hash);
    cleanup_secret char *authorization = sign(keys, date, region, canonical);
    cleanup_free char *url = xasprintf("%s://%s/", parsed.scheme, host);
    cleanup_cloud_request struct cloud_request request = CLOUD_REQUEST(.url = url, .body = body);
    http_headers_add(&request.headers, "Content-Type", CONTENT_TYPE);
    http_headers_add(&request.headers, "X-Amz-Target", TARGET);
    http_headers_add(&request.headers, "X-Amz-Date", date);
    if (keys->session != NULL)
        http_headers_add(&request.headers, "X-Amz-Security-Token", keys->session);
    http_headers_add(&request.headers, "Authorization", authorization);
    return cloud_ask(way, &request, "ECR", ret_answer, err);
}

// base64 of "AWS:password".
static int take_login(const json_t *answer, struct oci_credentials *ret, struct error *err)
{
    const char *token = jval_string(json_array_get(jval_array(answer, "authorizationData"), 0),
                                    "authorizationToken");
    cleanup_free unsigned char *bytes = NULL;
    size_t size = 0;
    if (token == NULL || base64_decode(token, strlen(token), &bytes, &size, NULL) < 0)
        return error_set(err, ERROR_INVALID, "ECR answered no authorizationToken");
    char *text = (char *)bytes;
    char *colon = strchr(text, ':');
    int result = 0;
    if (colon == NULL || strlen(text) != size) {
        result = error_set(err, ERROR_INVALID, "ECR's authorizationToken is not user:password");
    } else {
        ret->username = xstrndup(text, (size_t)(colon - text));
        ret->password = xstrdup(colon + 1);
    }
    explicit_bzero(text, size);
    return result;
}

int cloud_ecr_login(const char *host, const struct cloud_way *way, struct oci_credentials *ret,
                    struct error *err)
{
    const char *service = NULL, *domain = NULL;
    cleanup_free char *region = NULL;
    if (!split_host(host, &service, &region, &domain))
        return error_set(err, ERROR_INVALID, "%s is no registry of ECR", host);
    const char *given = cloud_env("AWS_ENDPOINT_URL_ECR");
    cleanup_free char *own = xasprintf("https://%s%s%s", service, region, domain);
    struct aws_keys keys = {0};
    cleanup_json json_t *answer = NULL;
    int result = find_keys(way, region, &keys, err);
    if (result == 0)
        result = ask_ecr(way, given != NULL ? given : own, region, &keys, &answer, err);
    aws_keys_release(&keys);
    return result == 0 ? take_login(answer, ret, err) : -1;
}
