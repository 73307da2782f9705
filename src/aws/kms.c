/* GenerateDataKey as JSON 1.1:
 *
 *   request   {"KeyId":"<ARN>","NumberOfBytes":32,"EncryptionContext":{"<key>":"<value>",...}}
 *   answer    {"CiphertextBlob":"<base64>","Plaintext":"<base64>","KeyId":"<ARN>"}
 *   error     {"__type":"<namespace>#<Name>","message":"..."}; the message's name may also be "Message"
 */
#include "aws/kms.h"

#include "aws/json.h"
#include "base/text.h"
#include "base/time.h"
#include "net/http1.h"
#include "record/esdk_header.h"

#define BODY_MAX 6144
#define HEADERS 6

static enum err put_body(const struct kms_call *call, struct buf *b)
{
	struct span key, value;
	size_t at = 0;
	buf_str(b, "{\"KeyId\":");
	json_put_string(b, call->key_arn);
	buf_str(b, ",\"NumberOfBytes\":32,\"EncryptionContext\":{");
	for (bool first = true;; first = false) {
		enum err e = esdk_header_context(call->context, &at, &key, &value);
		if (e == ERR_NOT_FOUND)
			break;
		TRY(e);
		if (!first)
			buf_u8(b, ',');
		json_put_string(b, key);
		buf_u8(b, ':');
		json_put_string(b, value);
	}
	buf_str(b, "}}");
	return buf_err(b);
}

struct head {
	struct sigv4_header header[HEADERS]; /* names terminated */
	size_t count;
	char text[384]; /* what the values point to */
	struct buf b;   /* over text */
};

static void add(struct head *h, struct span name, struct span value)
{
	ASSERT(h->count < HEADERS);
	h->header[h->count++] = (struct sigv4_header){name, value};
}

/* The bytes written to h->b since `from`. */
static struct span written(const struct head *h, size_t from)
{
	return span_from(buf_span(&h->b), from);
}

static enum err fill_head(struct head *h, const struct kms_call *call, size_t body_len)
{
	size_t at = 0;
	h->count = 0;
	h->b = BUF_OF(h->text);
	endpoint_put_host(&h->b, call->endpoint);
	add(h, SPAN("Host"), written(h, at));
	at = h->b.len;
	text_u64(&h->b, body_len);
	add(h, SPAN("Content-Length"), written(h, at));
	add(h, SPAN("Content-Type"), SPAN("application/x-amz-json-1.1"));
	add(h, SPAN("X-Amz-Target"), SPAN("TrentService.GenerateDataKey"));
	at = h->b.len;
	time_basic(&h->b, call->now_ns);
	add(h, SPAN("X-Amz-Date"), written(h, at));
	if (call->creds->token[0])
		add(h, SPAN("X-Amz-Security-Token"), span_str(call->creds->token));
	return buf_err(&h->b);
}

enum err kms_endpoint(const struct settings *s, struct endpoint *out)
{
	struct kms_arn arn;
	TRY(endpoint_kms_arn(span_str(s->kms_key), &arn));
	return endpoint_of(s, ENDPOINT_KMS, arn.region, out);
}

enum err kms_generate_data_key(const struct kms_call *call, struct buf *request)
{
	uint8_t body_text[BODY_MAX], authorization_text[SIGV4_AUTHORIZATION_MAX];
	struct buf body = BUF_OF(body_text), authorization = BUF_OF(authorization_text);
	struct kms_arn arn;
	struct head h;
	TRY(endpoint_kms_arn(call->key_arn, &arn));
	TRY(put_body(call, &body));
	TRY(fill_head(&h, call, body.len));
	struct sigv4_scope scope = {arn.region, SPAN("kms"), call->now_ns};
	TRY(sigv4_sign_post(h.header, h.count, buf_span(&body), &scope, call->creds, call->cache,
			    &authorization));
	http1_request_line(request, "POST", SPAN("/"));
	for (size_t i = 0; i < h.count; i++)
		http1_header(request, (const char *)h.header[i].name.p, h.header[i].value);
	http1_header(request, "Authorization", buf_span(&authorization));
	http1_head_end(request);
	buf_put(request, buf_span(&body));
	return buf_err(request);
}

void kms_data_key_wipe(struct kms_data_key *k)
{
	wipe(k, sizeof(*k));
}

/* A member in base64, decoded. `scratch` has room for the text. */
static enum err read_base64(struct span body, const char *member, struct buf *scratch, struct buf *out)
{
	buf_reset(scratch);
	enum err e = json_find_string(body, member, scratch);
	if (!e)
		e = text_read_base64(buf_span(scratch), out);
	wipe(scratch->p, scratch->len);
	return e == ERR_FULL ? ERR_TOO_LONG : e;
}

/* An alias may stand for any key of its account and region, an ARN of a key for that one alone. */
static enum err check_key(struct span asked, struct span used)
{
	struct kms_arn a, u;
	TRY(endpoint_kms_arn(asked, &a));
	if (endpoint_kms_arn(used, &u) || u.alias)
		return ERR_PROTOCOL;
	bool same =
		a.alias ? span_eq(a.region, u.region) && span_eq(a.account, u.account) : span_eq(asked, used);
	return same ? ERR_OK : ERR_PROTOCOL;
}

static enum err read_all(struct span body, struct span key_arn, struct kms_data_key *out)
{
	uint8_t text[KMS_EDK_MAX / 3 * 4];
	struct buf scratch = BUF_OF(text), key = BUF_OF(out->plaintext), edk = BUF_OF(out->edk);
	TRY(json_find_text(body, "KeyId", out->key_arn, sizeof(out->key_arn)));
	TRY(check_key(key_arn, span_str(out->key_arn)));
	TRY(read_base64(body, "CiphertextBlob", &scratch, &edk));
	out->edk_len = (uint32_t)edk.len;
	enum err e = read_base64(body, "Plaintext", &scratch, &key);
	if (e == ERR_TOO_LONG || (!e && key.len != sizeof(out->plaintext)))
		return ERR_PROTOCOL;
	return !e && edk.len == 0 ? ERR_PROTOCOL : e;
}

enum err kms_read_data_key(struct span body, struct span key_arn, struct kms_data_key *out)
{
	enum err e = read_all(body, key_arn, out);
	if (e)
		kms_data_key_wipe(out);
	return e;
}

#define STRANGE "check what answers at that name: nothing of the kind was asked"

/* The errors of GenerateDataKey. */
static const struct fault_row faults[] = {
	{"KeyUnavailableException", FAULT_RETRY, NULL},
	{"DependencyTimeoutException", FAULT_RETRY, NULL},
	{"KMSInternalException", FAULT_RETRY, NULL},
	{"AccessDeniedException", FAULT_DENIED,
	 "let the role's policy and the key's allow kms:GenerateDataKey with this encryption context"},
	{"NotFoundException", FAULT_DENIED,
	 "correct kms.key: its account and region have no such key or alias"},
	{"InvalidArnException", FAULT_DENIED, "correct kms.key"},
	{"ValidationException", FAULT_DENIED, "correct kms.key"},
	{"DisabledException", FAULT_DENIED, "enable the key"},
	{"KMSInvalidStateException", FAULT_DENIED,
	 "wait until the key is ready, cancel its deletion, or look after its key store"},
	{"InvalidKeyUsageException", FAULT_DENIED, "take a symmetric key for encryption in kms.key"},
	{"UnsupportedOperationException", FAULT_DENIED, "take a symmetric key for encryption in kms.key"},
	{"InvalidGrantTokenException", FAULT_DENIED, STRANGE},
	{"DryRunOperationException", FAULT_DENIED, STRANGE},
	{NULL, FAULT_DENIED, NULL},
};

enum kms_verdict kms_classify(unsigned status, struct span error_type, struct span body, struct fault *fault)
{
	static const enum kms_verdict verdicts[] = {
		[FAULT_RETRY] = KMS_RETRY,
		[FAULT_REFRESH] = KMS_REFRESH,
		[FAULT_SKEW] = KMS_SKEW,
		[FAULT_DENIED] = KMS_DENIED,
	};
	fault_clear(fault);
	if (status == 200)
		return KMS_OK;
	fault_read_json(fault, error_type, body);
	return verdicts[fault_judge(fault, status, faults,
				    "check the key, its policy and the role's kms:GenerateDataKey")];
}
