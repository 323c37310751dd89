import { Input, Menu, PasswordInput, SegmentedControl, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import type { Credential } from "@/api/types";
import { msg, useText } from "@/i18n/text";
import { type Column, RowName } from "@/shell/DataTable";
import { TimeText } from "@/shell/TimeText";
import { useUrlState } from "@/url";
import { FormDrawer } from "./FormDrawer";
import { useRemove, useSave } from "./requests";
import { RowMenu, SectionList } from "./SectionList";

const kinds: Record<Credential["kind"], string> = { password: msg("Password"), private_key: msg("Private key") };

export function CredentialsSection() {
  const t = useText();
  const [{ q }, setState] = useUrlState({ q: "" });
  const [edited, setEdited] = useState<Credential | "new">();
  const columns: Column<Credential>[] = [
    {
      key: "name",
      header: t("Name"),
      narrow: "first",
      render: (credential) => <RowName onClick={() => setEdited(credential)}>{credential.name}</RowName>,
    },
    {
      key: "account",
      header: t("Account"),
      narrow: "second",
      render: (credential) => <span className="mono">{credential.username}</span>,
    },
    { key: "kind", header: t("Kind"), narrow: "second", render: (credential) => t(kinds[credential.kind]) },
    {
      key: "fingerprint",
      header: t("Fingerprint"),
      from: "lg",
      render: (credential) => <span className="mono">{credential.fingerprint}</span>,
    },
    {
      key: "hosts",
      header: t("Used by"),
      from: "sm",
      render: (credential) => t("{count, plural, one {# host} other {# hosts}}", { count: credential.host_count }),
    },
    { key: "stored", header: t("Stored"), from: "md", render: (credential) => <TimeText at={credential.updated_at} /> },
    {
      key: "menu",
      header: "",
      width: 50,
      align: "right",
      narrow: "end",
      render: (credential) => <CredentialMenu credential={credential} />,
    },
  ];
  return (
    <>
      <SectionList
        path="credentials/"
        label={t("Credentials")}
        newLabel={t("New credential")}
        emptyTitle={t("No credential yet.")}
        emptyHint={t(
          "A credential is a login on hosts. It is encrypted, used by the server alone, and never shown again.",
        )}
        placeholder={t("Name or account")}
        q={q}
        setQ={(value) => setState({ q: value }, { replace: true })}
        columns={columns}
        open={setEdited}
        create={() => setEdited("new")}
      />
      {edited && (
        <CredentialForm credential={edited === "new" ? undefined : edited} close={() => setEdited(undefined)} />
      )}
    </>
  );
}

function CredentialMenu({ credential }: { credential: Credential }) {
  const t = useText();
  const remove = useRemove();
  return (
    <RowMenu name={credential.name}>
      <Menu.Item
        color="var(--mantine-color-error)"
        onClick={() =>
          remove({
            path: `credentials/${credential.id}/`,
            title: t("Delete the credential {name}?", { name: credential.name }),
            effect: t(
              "{count, plural, =0 {No host uses it.} one {# host uses it; give that host another credential first.} other {# hosts use it; give them another credential first.}}",
              { count: credential.host_count },
            ),
            confirm: t("Delete credential"),
            done: t("The credential {name} is deleted.", { name: credential.name }),
          })
        }
      >
        {t("Delete credential")}
      </Menu.Item>
    </RowMenu>
  );
}

interface CredentialFormProps {
  credential?: Credential | undefined;
  close: () => void;
  onSaved?: (saved: Credential) => void;
}

export function CredentialForm({ credential, close, onSaved }: CredentialFormProps) {
  const t = useText();
  const form = useForm({
    initialValues: {
      name: credential?.name ?? "",
      username: credential?.username ?? "",
      kind: credential?.kind ?? "password",
      secret: "",
      passphrase: "",
    },
  });
  const save = useSave<Credential>("credentials/", (saved) => {
    onSaved?.(saved);
    close();
  });
  const isKey = form.values.kind === "private_key";
  const submit = () => {
    const { secret, passphrase, ...rest } = form.getValues();
    save.mutate({
      id: credential?.id,
      body: { ...rest, ...(secret && { secret }), ...(isKey && passphrase && { passphrase }) },
    });
  };
  return (
    <FormDrawer
      title={credential ? t("Credential {name}", { name: credential.name }) : t("New credential")}
      submitLabel={credential ? t("Save changes") : t("Store credential")}
      form={form}
      close={close}
      submit={submit}
      isSaving={save.isPending}
      error={save.error}
    >
      <TextInput label={t("Name")} data-autofocus required withAsterisk={false} {...form.getInputProps("name")} />
      <TextInput
        label={t("Account")}
        description={t("The login name on the host.")}
        required
        withAsterisk={false}
        autoComplete="off"
        {...form.getInputProps("username")}
      />
      <Stack gap={4}>
        <Input.Label component="div" id="credential-kind">
          {t("Kind")}
        </Input.Label>
        <SegmentedControl
          aria-labelledby="credential-kind"
          data={(Object.keys(kinds) as Credential["kind"][]).map((value) => ({ value, label: t(kinds[value]) }))}
          {...form.getInputProps("kind")}
        />
      </Stack>
      {credential && (
        <Text size="sm" c="dimmed">
          {t(
            "The stored secret cannot be shown. Enter another one to replace it, or leave the field empty to keep it.",
          )}
        </Text>
      )}
      {isKey ? (
        <>
          <Textarea
            label={t("Private key")}
            description={t("OpenSSH or PEM, with its first and last line.")}
            classNames={{ input: "mono" }}
            rows={8}
            spellCheck={false}
            autoComplete="off"
            {...form.getInputProps("secret")}
          />
          <PasswordInput
            label={t("Passphrase")}
            description={t("Only if the key has one. It is used once, to read the key.")}
            autoComplete="off"
            visibilityToggleButtonProps={{ "aria-label": t("Show the passphrase") }}
            {...form.getInputProps("passphrase")}
          />
        </>
      ) : (
        <PasswordInput
          label={t("Password")}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ "aria-label": t("Show the password") }}
          {...form.getInputProps("secret")}
        />
      )}
    </FormDrawer>
  );
}
