"""Identifiers: one way of writing each, worthless ones told apart, and a hash that needs the key."""

import pytest

from features.identifiers import Pseudonymiser, check_value, keyed_hash, normalise, state_of

KEY = b"a key of the tests, long enough"

# kind, as delivered, normal form, state
CASES = [
    ("phone", "13812345678", "13812345678", "ok"),
    ("phone", " 138 1234-5678 ", "13812345678", "ok"),
    ("phone", "+86 138 1234 5678", "13812345678", "ok"),
    ("phone", "0086-13812345678", "13812345678", "ok"),
    ("phone", "8613812345678", "13812345678", "ok"),
    ("phone", "013812345678", "13812345678", "ok"),
    ("phone", "＋８６１３８１２３４５６７８", "13812345678", "ok"),
    ("phone", "(021) 6288-1234", "02162881234", "ok"),
    ("phone", "0049 171 2345678", "+491712345678", "ok"),
    ("phone", "+49 171/2345678", "+491712345678", "ok"),
    ("phone", "1381234567", "1381234567", "malformed"),  # a digit short
    ("phone", "138123456789", "138123456789", "malformed"),
    ("phone", "+86 21 6288 1234", "+862162881234", "malformed"),  # no mobile number
    ("phone", "123456", "123456", "malformed"),
    ("phone", "6288123a", "6288123a", "malformed"),
    ("phone", "٣٣٣٤٤٤٥٥", "٣٣٣٤٤٤٥٥", "malformed"),
    ("phone", "", "", "malformed"),
    ("phone", "   ", "", "malformed"),
    ("phone", "13800138000", "13800138000", "blocked"),
    ("phone", "+86 13800138000", "13800138000", "blocked"),
    ("phone", "11111111111", "11111111111", "blocked"),
    ("phone", "0", "0", "blocked"),
    ("phone", "00000000000", "00000000000", "blocked"),
    ("phone", "00012345678", "00012345678", "blocked"),
    ("phone", "13999999999", "13999999999", "blocked"),
    ("phone", "021-6288 0000", "02162880000", "blocked"),  # given as blocked below
    ("email", " Li.Na@Example.COM ", "li.na@example.com", "ok"),
    ("email", "ｌｉ＠example.com", "li@example.com", "ok"),
    ("email", "li.na.example.com", "li.na.example.com", "malformed"),
    ("email", "li@", "li@", "malformed"),
    ("email", "li na@example.com", "li na@example.com", "malformed"),
    ("email", "info@shop.cn", "info@shop.cn", "blocked"),
    ("email", "NoReply@shop.cn", "noreply@shop.cn", "blocked"),
    ("email", "service@shop.cn", "service@shop.cn", "blocked"),
    ("email", "admin@shop.cn", "admin@shop.cn", "blocked"),
    ("unionid", " oAbC12 ", "oAbC12", "ok"),
    ("device", "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000", "blocked"),
    ("device", "ffffffff", "ffffffff", "blocked"),
    ("cookie", "NULL", "NULL", "blocked"),
    ("cookie", "x" * 600, "x" * 600, "malformed"),
    ("weibo_id", "a\0b", "a\0b", "malformed"),
    ("id_number", "11010519491231002x", "11010519491231002X", "ok"),
    ("address", "12  Main\tStreet ", "12 main street", "ok"),
    ("member_no", " 77 ", "77", "ok"),
    ("member_no", "000", "000", "blocked"),
    ("household", "hh-1", "hh-1", "ok"),
]


@pytest.mark.parametrize(("kind", "delivered", "normal", "state"), CASES)
def test_normal_form_and_state(kind: str, delivered: str, normal: str, state: str) -> None:
    """Each way of writing an identifier has one normal form, and worthless or impossible ones are told apart."""
    assert normalise(kind, delivered) == normal
    assert state_of(kind, normal, {normalise(kind, "021 6288 0000")}) == state
    assert normalise(kind, normal) == normal


def test_what_is_stored() -> None:
    """Two ways of writing give one hash; opaque kinds and blanks stay; kind and key change the hash."""
    hashes = Pseudonymiser("2", KEY, ("(021) 6288 0000",))
    (one, ok, version), (two, _, _) = hashes.replace("phone", ["+86 138 1234 5678", "13812345678"])
    assert (one, ok, version) == (two, "ok", "2")
    assert one == keyed_hash(KEY, "phone", "13812345678")
    assert one != keyed_hash(KEY, "cookie", "13812345678")
    assert one != keyed_hash(KEY + b"!", "phone", "13812345678")
    assert len(one) == 64
    assert hashes.replace("phone", ["02162880000"])[0][1] == "blocked"
    assert hashes.replace("member_no", ["m-1"]) == [("m-1", "ok", None)]
    assert hashes.replace("email", [" "]) == [("", "malformed", None)]


def test_the_key_shows_nowhere() -> None:
    """A printout holds no key; the check value tells keys apart."""
    assert "tests" not in repr(Pseudonymiser("1", KEY))
    assert check_value(KEY) != check_value(KEY + b"!")
    assert len(check_value(KEY)) == 16
