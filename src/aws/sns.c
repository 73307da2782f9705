/* The form: Action=Publish&Version=2010-03-31&TopicArn=...&Subject=...&Message=...
 *
 * Subject is "sealtap APPLIANCE: EVENT". Message is lines: the event, its text, an empty line, then one
 * "name: value" each: appliance, instance, vpc, account, region, time, suppressed (where there are any).
 */
#include "aws/sns.h"

#include "base/text.h"
#include "base/time.h"

static void put_printable(struct buf *b, const char *text, size_t cap)
{
	struct span all = span_of(text, cap);
	text_printable(b, span_first(all, span_find(all, 0)));
}

static void put_line(struct buf *b, const char *name, const char *value)
{
	if (!value[0])
		return;
	buf_str(b, name);
	buf_str(b, ": ");
	buf_str(b, value);
	buf_u8(b, '\n');
}

static void put_message(struct buf *b, const struct object_identity *id, const struct sns_alarm *a)
{
	put_printable(b, a->event, sizeof(a->event));
	buf_u8(b, '\n');
	put_printable(b, a->text, sizeof(a->text));
	buf_str(b, "\n\n");
	put_line(b, "appliance", id->appliance);
	put_line(b, "instance", id->instance);
	put_line(b, "vpc", id->vpc);
	put_line(b, "account", id->account);
	put_line(b, "region", id->region);
	buf_str(b, "time: ");
	time_rfc3339(b, a->at_ns);
	buf_u8(b, '\n');
	if (a->suppressed) {
		buf_str(b, "suppressed: ");
		text_u64(b, a->suppressed);
		buf_str(b, " alarms since the last one\n");
	}
}

enum err sns_call(const struct settings *s, const struct object_identity *id, const struct sns_alarm *alarm,
		  struct buf *body, struct post_call *call)
{
	struct sns_arn arn;
	uint8_t subject_text[128], message_text[SNS_MESSAGE_MAX];
	struct buf subject = BUF_OF(subject_text), message = BUF_OF(message_text);
	if (!s->alarm_topic[0])
		return ERR_MISSING;
	TRY(endpoint_sns_arn(span_str(s->alarm_topic), &arn));
	call->region = arn.region;
	call->service = "sns";
	TRY(endpoint_of(s, ENDPOINT_SNS, arn.region, &call->endpoint));
	buf_str(&subject, "sealtap ");
	buf_str(&subject, id->appliance);
	buf_str(&subject, ": ");
	put_printable(&subject, alarm->event, sizeof(alarm->event));
	TRY(buf_err(&subject));
	put_message(&message, id, alarm);
	TRY(buf_err(&message));
	post_field(body, "Action", SPAN("Publish"));
	post_field(body, "Version", SPAN("2010-03-31"));
	post_field(body, "TopicArn", span_str(s->alarm_topic));
	post_field(body, "Subject", span_first(buf_span(&subject), SNS_SUBJECT_MAX));
	post_field(body, "Message", buf_span(&message));
	call->body = buf_span(body);
	return buf_err(body);
}

enum post_verdict sns_classify(unsigned status, struct span body, struct fault *fault)
{
	static const char denied[] = "let the role's policy and the topic's allow sns:Publish";
	static const char key[] = "let the role use the KMS key of the topic, and look after that key";
	static const struct fault_row rows[] = {
		{"AuthorizationError", FAULT_DENIED, denied},
		{"AccessDenied", FAULT_DENIED, denied},
		{"NotFound", FAULT_DENIED, "correct alarm.topic: there is no such topic"},
		{"InvalidParameter", FAULT_DENIED, "correct alarm.topic"},
		{"KMSThrottling", FAULT_RETRY, NULL},
		{"KMSAccessDenied", FAULT_DENIED, key},
		{"KMSDisabled", FAULT_DENIED, key},
		{"KMSInvalidState", FAULT_DENIED, key},
		{"KMSNotFound", FAULT_DENIED, key},
		{"KMSOptInRequired", FAULT_DENIED, key},
		{NULL, FAULT_DENIED, NULL},
	};
	return post_classify(status, body, rows, denied, fault);
}
