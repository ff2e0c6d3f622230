/* Every error and every reason has words of its own. */
#include "test.h"

#include <string.h>

#include <vq/error.h>

static void errors_have_words(void **state)
{
    (void)state;
    for (int e = VQ_OK; e >= VQ_ERR_STATE; e--) {
        const char *text = vq_error_text((enum vq_error)e);
        assert_non_null(text);
        for (int other = VQ_OK; other > e; other--)
            assert_string_not_equal(text, vq_error_text((enum vq_error)other));
    }
    assert_string_equal(vq_error_text((enum vq_error)1000), "unknown error");
}

static void reasons_have_words(void **state)
{
    (void)state;
    for (int r = VQ_NOT_BROKEN; r <= VQ_BROKEN_BY_OWNER; r++) {
        const char *text = vq_broken_text((enum vq_broken)r);
        assert_non_null(text);
        assert_true(strlen(text) > 0);
        for (int other = VQ_NOT_BROKEN; other < r; other++)
            assert_string_not_equal(text, vq_broken_text((enum vq_broken)other));
        assert_non_null(vq_broken_requirement((enum vq_broken)r));
    }
}

static void numbers_that_mean_nothing_are_safe(void **state)
{
    (void)state;
    assert_non_null(vq_broken_text((enum vq_broken)10000));
    assert_non_null(vq_broken_requirement((enum vq_broken)10000));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(errors_have_words, "every error has words of its own"),
        VQ_TEST(reasons_have_words, "every reason has words of its own"),
        VQ_TEST(numbers_that_mean_nothing_are_safe, "a number that is no reason is safe"),
    };
    return VQ_RUN(tests);
}
