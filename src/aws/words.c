#include "aws/words.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum err quoted(struct span *line, uint8_t quote, struct buf *word)
{
	for (;;) {
		if (!line->len)
			return ERR_SYNTAX;
		uint8_t c = line->p[0];
		*line = span_from(*line, 1);
		if (c == quote)
			return ERR_OK;
		if (c == '\\' && quote == '"') {
			if (!line->len)
				return ERR_SYNTAX;
			if (line->p[0] != '"' && line->p[0] != '\\')
				buf_u8(word, c);
			c = line->p[0];
			*line = span_from(*line, 1);
		}
		buf_u8(word, c);
	}
}

enum err words_next(struct span *line, struct buf *word)
{
	while (line->len && is_blank(line->p[0]))
		*line = span_from(*line, 1);
	if (!line->len)
		return ERR_NOT_FOUND;
	while (line->len && !is_blank(line->p[0])) {
		uint8_t c = line->p[0];
		*line = span_from(*line, 1);
		if (c == '\'' || c == '"') {
			TRY(quoted(line, c, word));
			continue;
		}
		if (c == '\\') {
			if (!line->len)
				return ERR_SYNTAX;
			c = line->p[0];
			*line = span_from(*line, 1);
		}
		buf_u8(word, c);
	}
	return buf_err(word);
}
