"""Whether a prompt asks for a secret, by its words: in the languages that sudo, ssh and login programs speak."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = (
    # English. "pass phrase" is OpenSSL's, "passcode" Duo's and PAM's.
    r"pass[ -]?(?:word|phrase|code|key)s?\b|passwd\b|\bpass\b|\bPIN\b|\bPUK\b|\bT?OTP\b|\b[2M]FA\b|one[- ]time",
    r"(?:verification|authenticat(?:or|ion)|security|access|auth|login|confirmation|backup|recovery|sms) ?code",
    r"\b(?:access|api|secret|private|licen[cs]e|unlock|recovery|encryption|unseal) ?key\b|\btoken\b|\bsecret\b",
    # German, Dutch, Swedish, Danish, Norwegian, Finnish.
    r"passwort|kennwort|wachtwoord|lösenord|adgangskode|kodeord|passord|salasana",
    # French, Spanish, Portuguese, Catalan, Italian, Romanian, Basque.
    r"mot de passe|phrase (?:de )?passe|contrase[ñn]\S*|\bclave\b|frase de paso|\bsenha\b|palavra-passe",
    r"contrasenya|parola|pasahitza|code de v[ée]rification|código de verificaci[óo]n|código de verificação",
    # Polish, Czech, Slovak, Hungarian, Turkish, Indonesian, Vietnamese.
    r"hasło|heslo|jelszó|jelmondat|şifre|kata sandi|mật khẩu",
    # Russian, Ukrainian, Bulgarian, Greek.
    r"парол[ьяи]|парольная фраза|код подтверждения|συνθηματικό|κωδικός",
    # Chinese, Japanese, Korean, Thai, Arabic, Hebrew, Hindi.
    r"密码|密碼|口令|通行碼|验证码|驗證碼|パスワード|パスフレーズ|暗証|確認コード|암호|비밀번호|รหัสผ่าน",
    r"كلمة (?:المرور|السر)|סיסמ|पासवर्ड",
)
# After the word may come for what it is, and how the answer ends: "for key '/home/bob/.ssh/id':".
_PROMPT: Final = re.compile(rf"(?:{'|'.join(_WORDS)})(?:[^\r\n]{{0,160}}[:：?؟]|[\s>»›]*)\s*$", re.IGNORECASE)
# Some programs ask in one line and read in the next.
_NO_WORDS: Final = re.compile(r"[\s>»›:]*$")


def asks_for_secret(before: str, above: str) -> bool:
    """Whether what stands left of the cursor, or `above` where nothing but a sign does, asks for a secret."""
    if _PROMPT.search(before):
        return True
    return bool(_NO_WORDS.match(before) and _PROMPT.search(above))
