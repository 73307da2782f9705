/* services: where each service is for this operator: an address of theirs, or AWS's in a region. Part of
 * cli/session.
 *
 * An address of the operator's, the first of: --endpoint-url; AWS_ENDPOINT_URL_SERVICE; AWS_ENDPOINT_URL;
 * endpoint_url under the service in the profile's [services] section; the profile's endpoint_url.
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS (or the profile's setting) leaves the option alone. Otherwise
 * AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT choose the name. Source: AWS SDKs and Tools
 * Reference Guide, "Service-specific endpoints"; botocore's configprovider.
 */
#ifndef SEALTAP_CLI_SERVICES_H
#define SEALTAP_CLI_SERVICES_H

#include "aws/endpoint.h"
#include "cli/command.h"

/* After profiles_begin. option: --endpoint-url's value, or NULL. */
enum exit_status services_begin(const char *option);
/* service: one of "s3", "kms", "sts", "ec2", "logs", "iam", "sso", "monitoring"; any other traps. */
enum exit_status services_endpoint(const char *service, const char *region, struct endpoint *out,
				   bool *custom);
bool services_plain(const char *service);

#endif
