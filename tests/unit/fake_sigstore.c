#include "fake_sigstore.h"

#include "base/digest.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

enum { HASH = SHA256_SIZE, MAX_TEXT = 1 << 20 };

static void must(bool fine)
{
    if (!fine)
        abort();
}

EVP_PKEY *fake_key(int kind)
{
    EVP_PKEY *key = kind == FAKE_KEY_P256      ? EVP_EC_gen("P-256")
                    : kind == FAKE_KEY_P384    ? EVP_EC_gen("P-384")
                    : kind == FAKE_KEY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                               : EVP_RSA_gen(2048);
    must(key != NULL);
    return key;
}

static const EVP_MD *hash_of(EVP_PKEY *key)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
        return NULL;
    return EVP_PKEY_get_bits(key) == 384 ? EVP_sha384() : EVP_sha256();
}

static unsigned char *sign(EVP_PKEY *key, const void *data, size_t size, size_t *ret_size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *signature = xmalloc(1024);
    *ret_size = 1024;
    must(EVP_DigestSignInit(context, NULL, hash_of(key), NULL, key) == 1 &&
         EVP_DigestSign(context, signature, ret_size, data, size) == 1);
    EVP_MD_CTX_free(context);
    return signature;
}

static unsigned char *key_der(EVP_PKEY *key, size_t *ret_size)
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(key, &der);
    must(size > 0);
    unsigned char *copy = xmemdup(der, (size_t)size);
    OPENSSL_free(der);
    *ret_size = (size_t)size;
    return copy;
}

static unsigned char *certificate_der(X509 *x509, size_t *ret_size)
{
    unsigned char *der = NULL;
    int size = i2d_X509(x509, &der);
    must(size > 0);
    unsigned char *copy = xmemdup(der, (size_t)size);
    OPENSSL_free(der);
    *ret_size = (size_t)size;
    return copy;
}

static json_t *base64_json(const void *data, size_t size)
{
    cleanup_free char *text = base64_encode(data, size);
    return json_string(text);
}

static char *bio_text(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = xstrndup(data, (size_t)size);
    BIO_free(bio);
    return text;
}

char *fake_public_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    must(PEM_write_bio_PUBKEY(bio, key) == 1);
    return bio_text(bio);
}

static void log_id(EVP_PKEY *key, const char *host, unsigned char ret_id[HASH])
{
    size_t size = 0;
    cleanup_free unsigned char *der = key_der(key, &size);
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
        sha256(der, size, ret_id);
        return;
    }
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 1024);
    strbuf_addf(&text, "%s\n%c", host, 1);
    strbuf_add(&text, der + 12, size - 12);
    sha256(text.data, text.len, ret_id);
}

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void add_raw(X509 *x509, const char *oid, const void *data, size_t size)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING_set(value, data, (int)size);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    must(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    ASN1_OBJECT_free(object);
    ASN1_OCTET_STRING_free(value);
}

static void add_utf8(X509 *x509, const char *oid, const char *text)
{
    ASN1_UTF8STRING *string = ASN1_UTF8STRING_new();
    unsigned char *der = NULL;
    ASN1_STRING_set(string, text, -1);
    int size = i2d_ASN1_UTF8STRING(string, &der);
    add_raw(x509, oid, der, (size_t)size);
    OPENSSL_free(der);
    ASN1_UTF8STRING_free(string);
}

static X509 *blank(const char *name, EVP_PKEY *key, int64_t start_s, int64_t end_s)
{
    static long serial = 4096;
    X509 *x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_time_adj_ex(X509_getm_notBefore(x509), 0, 0, &(time_t){start_s});
    X509_time_adj_ex(X509_getm_notAfter(x509), 0, 0, &(time_t){end_s});
    if (name != NULL)
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                                   (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(x509, key);
    return x509;
}

static X509 *authority(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                       const char *usage)
{
    X509 *x509 = blank(name, key, FAKE_TIME - 86400 * 365, FAKE_TIME + 86400 * 3650);
    X509_set_issuer_name(x509, X509_get_subject_name(issuer != NULL ? issuer : x509));
    add_extension(x509, issuer, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    if (usage != NULL)
        add_extension(x509, issuer, NID_ext_key_usage, usage);
    must(X509_sign(x509, issuer_key, hash_of(issuer_key)) > 0);
    return x509;
}

void fake_sigstore_init(struct fake_sigstore *fake)
{
    *fake = (struct fake_sigstore){
        .root_key = fake_key(FAKE_KEY_P384),
        .middle_key = fake_key(FAKE_KEY_P384),
        .ct_key = fake_key(FAKE_KEY_P256),
        .log_key = fake_key(FAKE_KEY_P256),
        .log2_key = fake_key(FAKE_KEY_ED25519),
        .tsa_root_key = fake_key(FAKE_KEY_P256),
        .tsa_key = fake_key(FAKE_KEY_P256),
    };
    fake->root = authority("root", fake->root_key, NULL, fake->root_key, NULL);
    fake->middle = authority("middle", fake->middle_key, fake->root, fake->root_key, "codeSigning");
    fake->tsa_root = authority("tsa root", fake->tsa_root_key, NULL, fake->tsa_root_key, NULL);
    fake->tsa = blank("tsa", fake->tsa_key, FAKE_TIME - 86400, FAKE_TIME + 86400 * 3650);
    X509_set_issuer_name(fake->tsa, X509_get_subject_name(fake->tsa_root));
    add_extension(fake->tsa, fake->tsa_root, NID_key_usage, "critical,digitalSignature");
    add_extension(fake->tsa, fake->tsa_root, NID_ext_key_usage, "critical,timeStamping");
    must(X509_sign(fake->tsa, fake->tsa_root_key, EVP_sha256()) > 0);
}

void fake_sigstore_release(struct fake_sigstore *fake)
{
    EVP_PKEY *keys[] = {fake->root_key, fake->middle_key,   fake->ct_key, fake->log_key,
                        fake->log2_key, fake->tsa_root_key, fake->tsa_key};
    X509 *certificates[] = {fake->root, fake->middle, fake->tsa_root, fake->tsa};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
        EVP_PKEY_free(keys[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(certificates); i++)
        X509_free(certificates[i]);
}

static json_t *log_json(EVP_PKEY *key, const char *details, const char *url, const char *host)
{
    unsigned char id[HASH];
    size_t size = 0;
    cleanup_free unsigned char *der = key_der(key, &size);
    log_id(key, host, id);
    return json_pack("{s:s, s:s, s:{s:o, s:s, s:{s:s}}, s:{s:o}}", "baseUrl", url, "hashAlgorithm",
                     "SHA2_256", "publicKey", "rawBytes", base64_json(der, size), "keyDetails",
                     details, "validFor", "start", "2025-01-01T00:00:00Z", "logId", "keyId",
                     base64_json(id, HASH));
}

static json_t *authority_json(X509 *first, X509 *second, const char *uri)
{
    json_t *list = json_array();
    X509 *all[] = {first, second};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        size_t size = 0;
        cleanup_free unsigned char *der = certificate_der(all[i], &size);
        json_array_append_new(list, json_pack("{s:o}", "rawBytes", base64_json(der, size)));
    }
    return json_pack("{s:s, s:{s:o}, s:{s:s}}", "uri", uri, "certChain", "certificates", list,
                     "validFor", "start", "2025-01-01T00:00:00Z");
}

json_t *fake_sigstore_root(const struct fake_sigstore *fake)
{
    return json_pack(
        "{s:s, s:[o, o], s:[o], s:[o], s:[o]}", "mediaType",
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs",
        log_json(fake->log_key, "PKIX_ECDSA_P256_SHA_256", "https://rekor.example.com", ""),
        log_json(fake->log2_key, "PKIX_ED25519", "https://log2.example.com:8443/x",
                 "log2.example.com"),
        "ctlogs", log_json(fake->ct_key, "PKIX_ECDSA_P256_SHA_256", "https://ct.example.com", ""),
        "certificateAuthorities",
        authority_json(fake->middle, fake->root, "https://ca.example.com"), "timestampAuthorities",
        authority_json(fake->tsa, fake->tsa_root, "https://tsa.example.com"));
}

static void add_number(struct strbuf *out, uint64_t number, unsigned bytes)
{
    while (bytes-- > 0)
        strbuf_addch(out, (char)(unsigned char)(number >> (8 * bytes)));
}

static void add_sct(struct strbuf *list, X509 *precert, const struct fake_sigstore *fake,
                    const struct fake_certificate *wish, EVP_PKEY *log, EVP_PKEY *signer)
{
    cleanup_strbuf struct strbuf data;
    unsigned char hash[HASH];
    unsigned char *tbs = NULL;
    size_t size = 0;
    uint64_t time_ms = (uint64_t)(wish->sct_ms != 0 ? wish->sct_ms : FAKE_TIME * 1000);
    int tbs_size = i2d_re_X509_tbs(precert, &tbs);
    cleanup_free unsigned char *issuer = key_der(fake->middle_key, &size);
    strbuf_init(&data, MAX_TEXT);
    add_number(&data, 0, 2);
    add_number(&data, time_ms, 8);
    add_number(&data, 1, 2);
    sha256(issuer, size, hash);
    strbuf_add(&data, hash, HASH);
    add_number(&data, (uint64_t)tbs_size, 3);
    strbuf_add(&data, tbs, (size_t)tbs_size);
    add_number(&data, 0, 2);
    OPENSSL_free(tbs);
    cleanup_free unsigned char *signature = sign(signer, data.data, data.len, &size);
    log_id(log, "", hash);
    add_number(list, 1 + HASH + 8 + 2 + 2 + 2 + size, 2);
    add_number(list, 0, 1);
    strbuf_add(list, hash, HASH);
    add_number(list, time_ms, 8);
    add_number(list, 0, 2);
    add_number(list, 0x0403, 2); // SHA-256, ECDSA
    add_number(list, size, 2);
    strbuf_add(list, signature, size);
}

static void add_scts(X509 *x509, const struct fake_sigstore *fake,
                     const struct fake_certificate *wish)
{
    cleanup_strbuf struct strbuf list;
    cleanup_strbuf struct strbuf framed;
    EVP_PKEY *stranger = fake_key(FAKE_KEY_P256);
    strbuf_init(&list, MAX_TEXT);
    strbuf_init(&framed, MAX_TEXT);
    // The algorithm of the signature is part of what a log signs.
    must(X509_sign(x509, fake->middle_key, hash_of(fake->middle_key)) > 0);
    if (wish->two_scts)
        add_sct(&list, x509, fake, wish, stranger, stranger);
    add_sct(&list, x509, fake, wish, fake->ct_key, wish->wrong_sct ? stranger : fake->ct_key);
    add_number(&framed, list.len, 2);
    strbuf_add(&framed, list.data, list.len);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    unsigned char *der = NULL;
    ASN1_OCTET_STRING_set(octets, (unsigned char *)framed.data, (int)framed.len);
    int size = i2d_ASN1_OCTET_STRING(octets, &der);
    add_raw(x509, "1.3.6.1.4.1.11129.2.4.2", der, (size_t)size);
    OPENSSL_free(der);
    ASN1_OCTET_STRING_free(octets);
    EVP_PKEY_free(stranger);
}

static const char * or (const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

static void name_text(struct strbuf *out, const char *subject)
{
    if (out->len > 0)
        strbuf_addstr(out, ",");
    if (strncmp(subject, "mail:", 5) == 0)
        strbuf_addf(out, "email:%s", subject + 5);
    else if (strncmp(subject, "dns:", 4) == 0)
        strbuf_addf(out, "DNS:%s", subject + 4);
    else if (strncmp(subject, "other:", 6) == 0)
        strbuf_addf(out, "otherName:1.3.6.1.4.1.57264.1.7;UTF8:%s", subject + 6);
    else if (strncmp(subject, "strange:", 8) == 0)
        strbuf_addf(out, "otherName:1.2.3.4;UTF8:%s", subject + 8);
    else if (strncmp(subject, "ia5:", 4) == 0)
        strbuf_addf(out, "otherName:1.3.6.1.4.1.57264.1.7;IA5STRING:%s", subject + 4);
    else
        strbuf_addf(out, "URI:%s", subject);
}

X509 *fake_certificate_mint(const struct fake_sigstore *fake, const struct fake_certificate *wish)
{
    X509 *x509 = blank(NULL, wish->key, FAKE_TIME - 60,
                       FAKE_TIME + (wish->lifetime_s != 0 ? wish->lifetime_s : 600));
    cleanup_strbuf struct strbuf names;
    strbuf_init(&names, MAX_TEXT);
    X509_set_issuer_name(x509, X509_get_subject_name(fake->middle));
    if (wish->basic != NULL)
        add_extension(x509, fake->middle, NID_basic_constraints, wish->basic);
    if (* or (wish->key_usage, "x") != '\0')
        add_extension(x509, fake->middle, NID_key_usage,
                      or (wish->key_usage, "critical,digitalSignature"));
    if (* or (wish->extended_usage, "x") != '\0')
        add_extension(x509, fake->middle, NID_ext_key_usage,
                      or (wish->extended_usage, "codeSigning"));
    if (* or (wish->subject, "x") != '\0')
        name_text(&names, or (wish->subject, FAKE_SUBJECT));
    if (wish->second_subject != NULL)
        name_text(&names, wish->second_subject);
    if (names.len > 0)
        add_extension(x509, fake->middle, NID_subject_alt_name, names.data);
    if (wish->old_issuer != NULL)
        add_raw(x509, "1.3.6.1.4.1.57264.1.1", wish->old_issuer, strlen(wish->old_issuer));
    if (* or (wish->issuer, "x") != '\0')
        add_utf8(x509, "1.3.6.1.4.1.57264.1.8", or (wish->issuer, FAKE_ISSUER));
    if (* or (wish->repository, "x") != '\0')
        add_utf8(x509, "1.3.6.1.4.1.57264.1.12", or (wish->repository, FAKE_REPOSITORY));
    if (* or (wish->ref, "x") != '\0')
        add_utf8(x509, "1.3.6.1.4.1.57264.1.14", or (wish->ref, "refs/heads/main"));
    for (int i = 0; wish->extra_oid != NULL && i <= wish->extra_twice; i++)
        add_raw(x509, wish->extra_oid, wish->extra_value, strlen(wish->extra_value));
    if (!wish->no_sct)
        add_scts(x509, fake, wish);
    if (wish->old_version)
        X509_set_version(x509, 1);
    EVP_PKEY *issuer = wish->self_issued ? wish->key : fake->middle_key;
    must(X509_sign(x509, issuer, hash_of(issuer)) > 0);
    return x509;
}

static void node(const unsigned char *left, const unsigned char *right, unsigned char *ret)
{
    unsigned char text[1 + 2 * HASH] = {1};
    memcpy(text + 1, left, HASH);
    memcpy(text + 1 + HASH, right, HASH);
    sha256(text, sizeof text, ret);
}

// RFC 6962 as it is written: the tree's head, and the path to `index` (-1: none).
static void tree(const unsigned char (*leaves)[HASH], int64_t count, int64_t index, json_t *path,
                 unsigned char *ret)
{
    if (count == 1) {
        memcpy(ret, leaves[0], HASH);
        return;
    }
    int64_t half = 1;
    while (half * 2 < count)
        half *= 2;
    unsigned char left[HASH];
    unsigned char right[HASH];
    bool in_left = index >= 0 && index < half;
    tree(leaves, half, in_left ? index : -1, path, left);
    tree(leaves + half, count - half, index >= half ? index - half : -1, path, right);
    if (index >= 0 && path != NULL)
        json_array_append_new(path, base64_json(in_left ? right : left, HASH));
    node(left, right, ret);
}

static char *note_line(EVP_PKEY *key, const char *name, const unsigned char id[HASH],
                       const char *text, bool corrupt)
{
    size_t size = 0;
    cleanup_free unsigned char *signature = sign(key, text, strlen(text), &size);
    cleanup_free unsigned char *data = xmalloc(size + 4);
    memcpy(data, id, 4);
    memcpy(data + 4, signature, size);
    data[10] ^= corrupt;
    cleanup_free char *encoded = base64_encode(data, size + 4);
    return xasprintf("\xe2\x80\x94 %s %s\n", name, encoded);
}

static json_t *proof_json(const struct fake_sigstore *fake, const struct fake_entry *wish)
{
    unsigned char leaves[64][HASH];
    unsigned char root[HASH];
    unsigned char id[HASH];
    int64_t size = wish->size != 0 ? wish->size : 11;
    int64_t index = wish->size != 0 ? wish->index : 5;
    json_t *path = json_array();
    for (int64_t i = 0; i < size; i++) {
        cleanup_free char *leaf = i == index ? xasprintf("%c%s", 'x', wish->body)
                                             : xasprintf("xanother entry %lld", (long long)i);
        size_t length = strlen(leaf);
        leaf[0] = '\0';
        sha256(leaf, length, leaves[i]);
    }
    tree((const unsigned char(*)[HASH])leaves, size, index, path, root);
    EVP_PKEY *key = wish->v2 ? fake->log2_key : fake->log_key;
    const char *host = wish->v2 ? "log2.example.com" : "rekor.example.com";
    log_id(key, host, id);
    cleanup_free char *encoded = base64_encode(root, HASH);
    cleanup_free char *text = xasprintf("%s%s\n%lld\n%s\n", or (wish->origin, host),
                                        wish->v2 || wish->origin != NULL ? "" : " - 1234567890",
                                        (long long)size, encoded);
    cleanup_free char *line = note_line(key, host, id, text, wish->corrupt_note);
    cleanup_free char *envelope = xasprintf("%s\n%s%s", text, or (wish->extra_signature, ""), line);
    cleanup_free char *index_text = xasprintf("%lld", (long long)index);
    cleanup_free char *size_text = xasprintf("%lld", (long long)size);
    return json_pack("{s:s, s:s, s:s, s:o, s:{s:s}}", "logIndex", index_text, "rootHash", encoded,
                     "treeSize", size_text, "hashes", path, "checkpoint", "envelope", envelope);
}

json_t *fake_entry_mint(const struct fake_sigstore *fake, const struct fake_entry *wish)
{
    unsigned char id[HASH];
    size_t size = 0;
    EVP_PKEY *key = wish->v2 ? fake->log2_key : fake->log_key;
    long long time_s = wish->time_s != 0 ? wish->time_s : FAKE_TIME;
    // v1 counts over all shards, v2 has one.
    long long index = wish->v2 ? (wish->size != 0 ? wish->index : 5) : 77001;
    log_id(key, "log2.example.com", id);
    cleanup_free char *hex = hex_encode(id, HASH);
    cleanup_free char *body = base64_encode(wish->body, strlen(wish->body));
    cleanup_free char *promise =
        xasprintf("{\"body\":\"%s\",\"integratedTime\":%lld,\"logID\":\"%s\",\"logIndex\":%lld}",
                  body, time_s, hex, index);
    cleanup_free unsigned char *signature = sign(key, promise, strlen(promise), &size);
    cleanup_free char *index_text = xasprintf("%lld", index);
    cleanup_free char *time_text = xasprintf("%lld", time_s);
    json_t *entry = json_pack("{s:s, s:{s:o}, s:{s:s, s:s}, s:s}", "logIndex", index_text, "logId",
                              "keyId", base64_json(id, HASH), "kindVersion", "kind", wish->kind,
                              "version", wish->version, "canonicalizedBody", body);
    if (!wish->v2)
        json_object_set_new(entry, "integratedTime", json_string(time_text));
    if (!wish->v2 && !wish->no_promise)
        json_object_set_new(
            entry, "inclusionPromise",
            json_pack("{s:o}", "signedEntryTimestamp", base64_json(signature, size)));
    if (!wish->no_proof)
        json_object_set_new(entry, "inclusionProof", proof_json(fake, wish));
    return entry;
}
