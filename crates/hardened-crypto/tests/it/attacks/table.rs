//! The table: section, attack, what stops it, and the try.

use super::{
    Attack,
    Check::{Elsewhere, Holds, Refused},
    grants, history, objects, payloads, recovery, secrets,
};
use hardened_crypto::ErrorKind::{Malformed, Policy, Tampered, WrongSecret};

const BINDING: &str = "3.1 Encoding, binding, row MAC";
const FORMAT: &str = "3.2 Envelope format";
const PAYLOADS: &str = "3.3 Values and files";
const WRAPS: &str = "3.4 Wraps and sharing";
const SECRETS: &str = "3.5 User secret and private keys";
const REKEY: &str = "3.6 Rekey and rotation";
const COMMITMENT: &str = "3.7 Key commitment";
const ALIASES: &str = "3.8 Share aliases and lists";
const RECOVERY: &str = "3.9 Recovery";
const KEYS: &str = "3.10 API keys and stored credentials";
const AUDIT: &str = "3.11 Audit chain";
const MEMORY: &str = "3.12 Memory";
const CACHE: &str = "3.13 Unlock cache";

macro_rules! attacks {
    ($($section:ident, $attack:literal, $stopped_by:literal, $check:expr;)*) => {
        pub(super) const ATTACKS: &[Attack] = &[$(Attack {
            section: $section,
            attack: $attack,
            stopped_by: $stopped_by,
            check: $check,
        }),*];
    };
}

attacks! {
    BINDING, "move a ciphertext to another record, user, organisation or version",
        "all four are in the context that the key of each object is derived with",
        Refused(Tampered, objects::moved_ciphertext);
    BINDING, "swap two columns",
        "the object kind stands in the header and the domain in the context; a row MAC covers columns in order",
        Holds(objects::swapped_columns);
    BINDING, "replace a public key before a share",
        "public keys are under the row MAC; a wrap is bound to their fingerprint",
        Refused(Tampered, objects::replaced_public_key);
    BINDING, "change permission or expiry in place",
        "both are in the context of the wrap and under the row MAC",
        Refused(Tampered, objects::changed_grant);
    BINDING, "delete or replay a row",
        "store and server: the version column is under the row MAC and the latest version in the audit chain, see the last rows of the audit table; a whole old database shows only against a checkpoint kept outside",
        Elsewhere;
    BINDING, "ambiguous concatenation (\"ab\" + \"c\")",
        "every field carries its length, and the fields are counted",
        Holds(objects::ambiguous_concatenation);
    BINDING, "id in another case or encoding",
        "ids are 16 raw bytes by their type; text never enters a context",
        Holds(objects::ids_are_bytes);
    BINDING, "a record renamed",
        "contexts bind the record's id; its name is sealed in a label under the same data key",
        Refused(Tampered, objects::renamed_record);

    FORMAT, "version or suite downgrade",
        "one accepted suite, no negotiation; the whole header is the first field of the context",
        Refused(Malformed, objects::downgrade);
    FORMAT, "trailing data",
        "exact lengths where they are fixed; nothing may follow the last chunk",
        Holds(objects::trailing_data);
    FORMAT, "huge length field",
        "no length field exists in an object: all follow from its size",
        Refused(Malformed, objects::huge_length);
    FORMAT, "header of one object on another's body",
        "the header is part of the context",
        Refused(Tampered, objects::foreign_header);
    FORMAT, "base64 variants",
        "one text for one secret: strict alphabet, no padding, zero trailing bits, checksum over the text",
        Refused(Malformed, grants::base64_variants);

    PAYLOADS, "truncate at a chunk border, at zero, inside the header",
        "the last chunk is always shorter than the others; an end without it is an error",
        Refused(Tampered, payloads::truncated);
    PAYLOADS, "append",
        "nothing may follow the short chunk",
        Refused(Tampered, payloads::appended);
    PAYLOADS, "swap, repeat, drop chunks",
        "the chunk's number is in its nonce",
        Refused(Tampered, payloads::reordered);
    PAYLOADS, "splice two files of one key",
        "a random salt gives each message a key of its own",
        Refused(Tampered, payloads::spliced);
    PAYLOADS, "flip salt or commitment",
        "the commitment is derived from the salt and compared first",
        Refused(Tampered, payloads::altered_prefix);
    PAYLOADS, "context of another record",
        "the context is an input of the key derivation",
        Refused(Tampered, payloads::other_record);
    PAYLOADS, "a range past the end",
        "the length is authentic before the first read; behind it there is nothing to read",
        Holds(payloads::range_past_the_end);
    PAYLOADS, "2 GiB + 1 and counter carry",
        "chunk numbers have 64 bits and a bound; published vectors cross the byte borders (`payload::cobblestone::tests`)",
        Holds(payloads::counter_carry);
    PAYLOADS, "a reader that returns data before the tag",
        "a chunk leaves the reader after it has verified, never before",
        Refused(Tampered, payloads::early_release);
    PAYLOADS, "empty file",
        "an empty message is one empty chunk with a tag",
        Refused(Tampered, payloads::empty_file);
    PAYLOADS, "exactly 16384 bytes",
        "a whole chunk is followed by an empty one",
        Refused(Tampered, payloads::one_whole_chunk);

    WRAPS, "share to a key that the attacker put in",
        "the row MAC covers public keys; `recipientFingerprint` pins them for a sharer who compared",
        Refused(Tampered, objects::replaced_public_key);
    WRAPS, "extend expiry",
        "the expiry is in the context of the wrap",
        Refused(Tampered, objects::extended_expiry);
    WRAPS, "read turned into write",
        "the permission is in the context of the wrap",
        Refused(Tampered, objects::widened_permission);
    WRAPS, "wrap replayed to another record",
        "the record is in the context of the wrap",
        Refused(Tampered, objects::replayed_wrap);
    WRAPS, "wrap of an old data key generation",
        "generation and record version are in the context, and the payload commits to its key",
        Refused(Tampered, objects::old_generation);
    WRAPS, "recipient removed and added again",
        "a new share has an id of its own, so the old wrap is of another place",
        Refused(Tampered, objects::removed_and_added);
    WRAPS, "self-share",
        "refused when the wrap is made",
        Refused(Policy, objects::self_share);
    WRAPS, "recipient of another organisation",
        "one organisation stands in the place of a wrap; a second one cannot be said, and another one does not open",
        Refused(Policy, objects::cross_org);
    WRAPS, "two recipients given different data keys for one ciphertext",
        "the payload commits to one key",
        Refused(Tampered, objects::equivocation);
    WRAPS, "differences between point error, tag error and wrong key",
        "one error with one text; ML-KEM rejects implicitly, and comparisons are in constant time",
        Holds(objects::one_error);

    SECRETS, "parameters lowered in the row",
        "the floor is compiled in, and parameters are an input of the derivation: others give another check value",
        Refused(Policy, secrets::lowered_parameters);
    SECRETS, "check value copied from a user whose secret is known",
        "organisation and user are inputs of the derivation",
        Refused(WrongSecret, secrets::copied_check_value);
    SECRETS, "P-256 box of one version with the ML-KEM box of another",
        "both boxes bind the hash of the whole public key and the generation",
        Refused(Tampered, secrets::mixed_boxes);
    SECRETS, "another user's boxes",
        "the owner is in the context, and the key is derived for its owner",
        Refused(Tampered, secrets::foreign_boxes);
    SECRETS, "truncated boxes",
        "a key box has one length",
        Refused(Malformed, secrets::truncated_boxes);
    SECRETS, "a passphrase of 0 bytes, of 1 MiB, with NUL, in two Unicode forms",
        "lengths are bounded before any work; a passphrase is bytes, neither cut at NUL nor normalised",
        Holds(secrets::odd_passphrases);
    SECRETS, "1,000 unlocks at once",
        "the Argon2id pool is bounded and refuses at once when it is full; the server answers 503",
        Holds(secrets::many_unlocks);
    SECRETS, "timing of a wrong secret against tampering",
        "server: same answer path for unknown user and wrong secret; the crate compares check values in constant time and does the same derivation for both",
        Elsewhere;
    SECRETS, "a weak passphrase that looks like a generated secret",
        "the checksum decides: what only looks generated is refused as a typing error",
        Refused(Policy, secrets::fake_generated);

    REKEY, "crash between the two writes",
        "store: both rows are one change set in one transaction; the crate returns everything new and alters nothing",
        Holds(secrets::rekey_alters_nothing);
    REKEY, "two rekeys at once",
        "store: compare-and-swap on the secret version; the crate moves to the next version alone",
        Refused(Policy, secrets::rekey_twice);
    REKEY, "rekey during a read",
        "store: a read sees one snapshot; boxes of both versions never mix, because the version is in their context",
        Refused(Tampered, secrets::rekey_during_a_read);
    REKEY, "restore of the old row",
        "the row MAC covers the version, which the audit chain records; old boxes do not open under the new secret",
        Refused(Tampered, secrets::restored_row);
    REKEY, "share arriving for v while v + 1 is current",
        "server: old private boxes stay until no wrap names them; the wrap says which generation it needs",
        Holds(secrets::share_to_an_old_generation);
    REKEY, "retired version used again",
        "a generation only grows, and is bound in boxes and wraps",
        Refused(Policy, secrets::retired_generation);
    REKEY, "unbounded old versions",
        "server and store: a bound on generations per user; a staged restore accepts at most 64",
        Elsewhere;

    COMMITMENT, "a sharer gives two recipients different keys",
        "the payload's commitment fits one key",
        Refused(Tampered, objects::equivocation);
    COMMITMENT, "a partitioning ciphertext under a guessed passphrase",
        "a box opens under the one key it commits to, so a query tests one guess",
        Refused(Tampered, secrets::partitioning);
    COMMITMENT, "telling a wrong secret from tampering",
        "the check value answers the first, the commitment the second",
        Holds(secrets::told_apart);
    COMMITMENT, "Shamir with a bad share",
        "the recovery envelope commits to the recovery key",
        Refused(Tampered, recovery::bad_share);

    ALIASES, "the length reveals the alias",
        "padded to 64, 128 or 256 bytes before it is sealed",
        Holds(grants::alias_lengths);
    ALIASES, "alias of one share shown on another",
        "the share is in the context",
        Refused(Tampered, grants::moved_alias);
    ALIASES, "stale cache after revoke or rotation",
        "a box is bound to the hash of its wrap and to the generation, and dies with either",
        Refused(Tampered, grants::stale_boxes);
    ALIASES, "a list as a lever on the CPU",
        "server: pages are bounded; the crate makes the second listing symmetric (`docs/performance.md`)",
        Elsewhere;

    RECOVERY, "trustee uploads keys of his own, or garbage",
        "a restore must hold the private half of the stored public keys; until then it replaces nothing",
        Refused(Tampered, recovery::trustees_own_keys);
    RECOVERY, "old set replayed",
        "set id and version are in every context",
        Refused(Policy, recovery::old_set);
    RECOVERY, "one share given twice",
        "x coordinates must differ",
        Refused(Policy, recovery::share_twice);
    RECOVERY, "x = 0",
        "shares are numbered from 1; no other is read",
        Refused(Malformed, recovery::x_zero);
    RECOVERY, "k = 1",
        "a split needs two shares; a lone trustee is another call, and says so",
        Refused(Policy, recovery::threshold_one);
    RECOVERY, "share swapped between owners",
        "the owner is in the context of the wrapped share",
        Refused(Tampered, recovery::swapped_owners);
    RECOVERY, "guessing the answer to the hint offline",
        "64 MiB, 3 passes of Argon2id a guess, a salt for each share, and nothing in a share that tells a right guess: a delay, not a lock",
        Holds(recovery::guessing);
    RECOVERY, "trustee removed but share kept",
        "a new set makes the older shares useless",
        Refused(Tampered, recovery::kept_share);
    RECOVERY, "partitioning ciphertext at restore",
        "the envelope commits to one recovery key",
        Refused(Tampered, recovery::partitioning);
    RECOVERY, "restore racing a rekey",
        "a restore names the secret version that it follows",
        Refused(Policy, recovery::racing_a_rekey);

    KEYS, "enumeration of ids by timing",
        "the same HMAC and comparison for an unknown id",
        Refused(WrongSecret, grants::unknown_id);
    KEYS, "truncated or case-changed key",
        "length and checksum",
        Refused(Malformed, grants::mistyped_key);
    KEYS, "key in logs, URLs, error bodies",
        "`Debug` and errors hold no input; prefix and checksum let scanners find a leak; the server marks headers as sensitive",
        Holds(grants::keys_in_texts);
    KEYS, "revoked key in a cache",
        "server: look-ups read the current snapshot; revocation takes effect on the next request",
        Elsewhere;
    KEYS, "scope edited",
        "the scope is under the row MAC, and a token's boxes bind its hash",
        Refused(Tampered, grants::edited_scope);
    KEYS, "host confusion (port, user information, IDN, trailing dot, redirect)",
        "`credential-injector`: one parsed target for match, policy, DNS and dial; here the pattern is bound as text",
        Refused(Tampered, grants::host_confusion);
    KEYS, "credential row copied to another pattern",
        "pattern, header and template are in the context",
        Refused(Tampered, grants::other_pattern);

    AUDIT, "rewrite and hash everything again",
        "a checkpoint under the root key, kept outside the database",
        Holds(history::rewritten);
    AUDIT, "cut the tail",
        "the checkpoint holds the size",
        Holds(history::cut_tail);
    AUDIT, "fork by concurrent appends",
        "store: (organisation, sequence) is unique; two links of one number break the chain",
        Holds(history::fork);
    AUDIT, "reorder",
        "each link hashes the one before, and its own number",
        Holds(history::reordered);
    AUDIT, "change without entry",
        "store: rows and entries are one change set; a row newer than the chain's last version shows it",
        Elsewhere;
    AUDIT, "entry without change",
        "store: rows and entries are committed together or not at all",
        Elsewhere;
    AUDIT, "clock set back",
        "order rests on numbers, not on time; a step back is reported",
        Holds(history::clock_set_back);
    AUDIT, "log injection",
        "texts are bounded and hold no control character, so a line is one entry",
        Refused(Policy, history::injection);
    AUDIT, "growth",
        "every text and line has a bound; retention is the operator's, from checkpoint to checkpoint",
        Refused(Policy, history::growth);

    MEMORY, "secrets in panic messages, traces, error chains, metrics labels",
        "an error is a kind and a fixed text; secret types have no `Display` and an empty `Debug`",
        Holds(grants::keys_in_texts);
    MEMORY, "`Debug` of a request struct",
        "secret types have an empty `Debug`; request structs are the server's",
        Holds(secrets::debug_is_empty);
    MEMORY, "core dump",
        "operator: core dumps are the system's to turn off; the crate forbids `unsafe` and cannot ask the system",
        Elsewhere;
    MEMORY, "swap",
        "operator: no swap, or an encrypted one; the crate forbids `unsafe` and locks no memory",
        Elsewhere;
    MEMORY, "fork",
        "binary: nothing forks; randomness comes from the system at each call, so a fork repeats nothing",
        Elsewhere;
    MEMORY, "moves that leave copies on the stack",
        "secrets are made on the heap where they stay; what crosses a stack is wiped there, best effort",
        Elsewhere;
    MEMORY, "an early return that skips the wipe",
        "every secret type wipes in `Drop`; `mem::forget` is refused by the lints; a panic wipes the Argon2id arena (`user_secret::stretch`)",
        Elsewhere;

    CACHE, "hit after revoke or rekey",
        "no opened keys are cached in this version",
        Elsewhere;
    CACHE, "another API key of the same user",
        "no opened keys are cached in this version; the domain for such look-ups is set aside",
        Elsewhere;
    CACHE, "another organisation with the same secret",
        "no opened keys are cached in this version; the organisation is an input of every derivation",
        Refused(WrongSecret, secrets::same_secret_elsewhere);
    CACHE, "filling the cache",
        "no opened keys are cached in this version",
        Elsewhere;
    CACHE, "differences in time between hit and miss",
        "no opened keys are cached in this version",
        Elsewhere;
    CACHE, "entry that outlives the user",
        "no opened keys are cached in this version",
        Elsewhere;
    CACHE, "cache of a wrong secret",
        "no opened keys are cached in this version",
        Elsewhere;
}
