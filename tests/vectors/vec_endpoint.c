/* vec_endpoint DIR: compares where services are with DIR/table.txt (generate.py beside it says how it is
 * made). A line a service; exit status 1 when one fails or there is none, 2 when the table can't be read. */
#include <stdio.h>
#include <string.h>

#include "aws/s3.h"

struct row {
	char service[16], region[32], variant[8], url[160];
};

static enum endpoint_service service_of(const char *name)
{
	static const char *const names[] = {
		[ENDPOINT_KMS] = "kms", [ENDPOINT_MONITORING] = "monitoring",
		[ENDPOINT_SNS] = "sns", [ENDPOINT_STS] = "sts",
		[ENDPOINT_EC2] = "ec2", [ENDPOINT_LOGS] = "logs",
		[ENDPOINT_IAM] = "iam", [ENDPOINT_SSO] = "sso",
	};
	enum endpoint_service service = ENDPOINT_KMS;
	while (strcmp(names[service], name) != 0)
		service++;
	return service;
}

static enum err url_of(const struct row *r, struct buf *url)
{
	static struct settings s;
	static struct object_identity id;
	struct endpoint e;
	memset(&s, 0, sizeof(s));
	memset(&id, 0, sizeof(id));
	memcpy(id.region, r->region, sizeof(id.region));
	s.endpoint_fips = !strcmp(r->variant, "fips") || !strcmp(r->variant, "both");
	s.endpoint_dualstack = !strcmp(r->variant, "dual") || !strcmp(r->variant, "both");
	strcpy(s.s3_bucket, !strcmp(r->service, "s3") ? "evidence" : "evi.den.ce");
	buf_str(url, "https://");
	if (!strncmp(r->service, "s3", 2)) {
		TRY(s3_endpoint(&s, &id, &e));
	} else {
		TRY(endpoint_of(&s, service_of(r->service), span_str(r->region), &e));
	}
	endpoint_put_host(url, &e);
	if (!strncmp(r->service, "s3", 2) && s3_path_style(&s)) {
		buf_u8(url, '/');
		buf_str(url, s.s3_bucket);
	}
	return buf_err(url);
}

static bool fits(const struct row *r)
{
	char text[160];
	struct buf url = BUF_OF(text);
	enum err e = url_of(r, &url);
	bool good = !e && span_eq(buf_span(&url), span_str(r->url));
	if (!good)
		printf("  %s %s %s: %.*s (%s), want %s\n", r->service, r->region, r->variant, (int)url.len,
		       text, err_text(e), r->url);
	return good;
}

static bool finish(const char *service, unsigned rows, unsigned bad)
{
	printf("%s %s is at the %u endpoints that the table says\n", bad ? "not ok" : "ok", service, rows);
	return !bad;
}

int main(int argc, char **argv)
{
	char path[4096], service[16] = "";
	struct row r;
	unsigned rows = 0, bad = 0, failed = 0;
	if (argc != 2 || snprintf(path, sizeof(path), "%s/table.txt", argv[1]) >= (int)sizeof(path))
		return 2;
	FILE *f = fopen(path, "r");
	if (!f || fscanf(f, "#%*[^\n]") == EOF)
		return 2;
	while (fscanf(f, "%15s %31s %7s %159s", r.service, r.region, r.variant, r.url) == 4) {
		if (strcmp(service, r.service) != 0) {
			failed += rows && !finish(service, rows, bad);
			rows = bad = 0;
			strcpy(service, r.service);
		}
		rows++;
		bad += !fits(&r);
	}
	bool whole = feof(f);
	fclose(f);
	failed += !rows || !finish(service, rows, bad) || !whole;
	return failed != 0;
}
