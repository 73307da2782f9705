"""testing: how a test program reports: one line a test, `ok SENTENCE`, `not ok SENTENCE` or `skip SENTENCE: reason`; exit 1 on failure.

A test is a function whose name says what the product does; its sentence is the name with blanks, or the docstring's first line.
`PROGRAM -k PATTERN` runs those whose sentence holds the pattern, `PROGRAM -t SENTENCE` that one; each with what it builds on.
"""
import sys
import traceback


class Skip(Exception):
    pass


def sentence(fn):
    return (fn.__doc__ or fn.__name__.replace('_', ' ')).strip().splitlines()[0].rstrip('.')


class Report:
    def __init__(self, pattern='', exactly=False):
        self.pattern, self.exactly = pattern, exactly
        self.failed = self.ran = 0

    def wants(self, fn, about=''):
        text = sentence(fn) + about
        return text == self.pattern if self.exactly else self.pattern in text

    def run(self, fn, *args, about='', always=False):
        """Runs one test, if it is wanted or `always`; True unless it failed. `about` is added to the sentence."""
        if not always and not self.wants(fn, about):
            return True
        self.ran += 1
        try:
            fn(*args)
            print(f'ok {sentence(fn)}{about}', flush=True)
            return True
        except Skip as e:
            print(f'skip {sentence(fn)}{about}: {e}', flush=True)
            return True
        except Exception as e:
            self.failed += 1
            print(f'not ok {sentence(fn)}{about}')
            text = str(e) if isinstance(e, AssertionError) and str(e) else traceback.format_exc()
            print('\n'.join('  ' + line for line in text.strip().splitlines()), flush=True)
            return False

    def life(self, make, checks, about=''):
        """Runs checks of what make() gives; it is made if one of them is wanted."""
        if any(self.wants(check, about) for check in checks):
            made = make()
            for check in checks:
                self.run(check, made, about=about)

    def finish(self):
        if not self.ran:
            print(f'no test matches "{self.pattern}"')
        sys.exit(1 if self.failed or not self.ran else 0)


def report():
    """As the command line asks for it."""
    args = sys.argv[1:]
    if not args:
        return Report()
    if len(args) == 2 and args[0] in ('-k', '-t'):
        return Report(args[1], exactly=args[0] == '-t')
    sys.exit(f'usage: {sys.argv[0]} [-k PATTERN | -t SENTENCE]')
