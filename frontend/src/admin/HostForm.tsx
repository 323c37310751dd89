import {
  Autocomplete,
  Button,
  Checkbox,
  Group,
  MultiSelect,
  NumberInput,
  Radio,
  Select,
  Stack,
  TagsInput,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Credential, Host, HostGroup } from "@/api/types";
import { msg, useText } from "@/i18n/text";
import { CredentialForm } from "./CredentialsSection";
import { FormDrawer } from "./FormDrawer";
import { useChoices, useSave } from "./requests";

const policies: Record<Host["input_policy"], { label: string; meaning: string }> = {
  masked: {
    label: msg("Masked"),
    meaning: msg("What the host does not echo, as at a password prompt, is kept as a count only."),
  },
  full: { label: msg("In full"), meaning: msg("Everything that is typed is kept, passwords too.") },
  off: { label: msg("Not at all"), meaning: msg("What is typed is not kept. What the host shows always is.") },
};

const encodings = ["utf-8", "gb18030", "big5", "euc-jp", "shift_jis", "euc-kr", "iso-8859-1", "koi8-r", "windows-1252"];

interface HostFormProps {
  host: Host | undefined;
  close: () => void;
  onCreated: (host: Host) => void;
}

function initialValues(host: Host | undefined) {
  return {
    name: host?.name ?? "",
    address: host?.address ?? "",
    port: host?.port ?? 22,
    group_ids: host?.groups.map((group) => group.id) ?? [],
    credential_id: host?.credential?.id ?? null,
    labels: Object.entries(host?.labels ?? {}).map(([name, value]) => (value ? `${name}:${value}` : name)),
    notes: host?.notes ?? "",
    enabled: host?.enabled ?? true,
    encoding: host?.encoding ?? "utf-8",
    input_policy: host?.input_policy ?? ("masked" as const),
    idle_limit: minutesOf(host?.idle_limit),
    length_limit: minutesOf(host?.length_limit),
  };
}

function minutesOf(seconds: number | null | undefined): number | "" {
  return seconds == null ? "" : seconds / 60;
}

function secondsOf(minutes: number | ""): number | null {
  return minutes === "" ? null : Math.round(minutes * 60);
}

export function HostForm({ host, close, onCreated }: HostFormProps) {
  const t = useText();
  const form = useForm({ initialValues: initialValues(host) });
  const [isAddingCredential, setAddingCredential] = useState(false);
  const save = useSave<Host>("hosts/", (saved) => (host ? close() : onCreated(saved)));
  const submit = () => {
    const { labels, idle_limit, length_limit, ...rest } = form.getValues();
    save.mutate({
      id: host?.id,
      body: {
        ...rest,
        labels: Object.fromEntries(labels.map(splitLabel)),
        idle_limit: secondsOf(idle_limit),
        length_limit: secondsOf(length_limit),
      },
    });
  };
  if (isAddingCredential) {
    return (
      <CredentialForm
        close={() => setAddingCredential(false)}
        onSaved={(credential) => form.setFieldValue("credential_id", credential.id)}
      />
    );
  }
  return (
    <FormDrawer
      title={host ? t("Host {name}", { name: host.name }) : t("New host")}
      submitLabel={host ? t("Save changes") : t("Add host, then pin its key")}
      form={form}
      close={close}
      submit={submit}
      isSaving={save.isPending}
      error={save.error}
    >
      <TextInput label={t("Name")} data-autofocus required withAsterisk={false} {...form.getInputProps("name")} />
      <Group align="flex-start" wrap="nowrap">
        <TextInput
          label={t("Address")}
          placeholder="10.0.3.11"
          required
          withAsterisk={false}
          style={{ flex: 1 }}
          autoComplete="off"
          {...form.getInputProps("address")}
        />
        <NumberInput
          label={t("Port")}
          w={110}
          min={1}
          max={65535}
          allowDecimal={false}
          {...form.getInputProps("port")}
        />
      </Group>
      <CredentialSelect form={form} add={() => setAddingCredential(true)} />
      <GroupSelect form={form} />
      <TagsInput
        label={t("Labels")}
        description={t("One or many, as env:prod; Enter after each.")}
        clearable
        clearButtonProps={{ "aria-label": t("Clear") }}
        {...form.getInputProps("labels")}
      />
      <PolicyRadio form={form} />
      <Group grow align="flex-start">
        <NumberInput
          label={t("Idle limit")}
          description={t("Minutes; empty: as everywhere.")}
          min={0}
          {...form.getInputProps("idle_limit")}
        />
        <NumberInput
          label={t("Longest session")}
          description={t("Minutes; empty: as everywhere.")}
          min={0}
          {...form.getInputProps("length_limit")}
        />
      </Group>
      <Autocomplete
        label={t("Encoding of the terminal")}
        data={encodings}
        autoComplete="off"
        {...form.getInputProps("encoding")}
      />
      <Textarea label={t("Notes")} autosize minRows={2} {...form.getInputProps("notes")} />
      <Checkbox
        label={t("Enabled")}
        description={t("Taking this away ends live sessions on this host within 5 s.")}
        {...form.getInputProps("enabled", { type: "checkbox" })}
      />
    </FormDrawer>
  );
}

function splitLabel(label: string): [name: string, value: string] {
  const at = label.indexOf(":");
  return at < 0 ? [label.trim(), ""] : [label.slice(0, at).trim(), label.slice(at + 1).trim()];
}

type HostFormType = ReturnType<typeof useForm<ReturnType<typeof initialValues>>>;

function CredentialSelect({ form, add }: { form: HostFormType; add: () => void }) {
  const t = useText();
  const queryClient = useQueryClient();
  const credentials = useChoices<Credential>("credentials/");
  return (
    <Group align="flex-end" wrap="nowrap">
      <Select
        label={t("Credential")}
        placeholder={t("None: nobody can connect")}
        style={{ flex: 1 }}
        clearable
        clearButtonProps={{ "aria-label": t("Clear") }}
        searchable
        data={credentials.map(({ id, name, username }) => ({ value: id, label: `${name} (${username})` }))}
        onFocus={() => void queryClient.invalidateQueries({ queryKey: ["all", "credentials/"] })}
        {...form.getInputProps("credential_id")}
      />
      <Button variant="default" onClick={add}>
        {t("New credential")}
      </Button>
    </Group>
  );
}

function GroupSelect({ form }: { form: HostFormType }) {
  const t = useText();
  const groups = useChoices<HostGroup>("host-groups/");
  return (
    <MultiSelect
      label={t("Groups")}
      searchable
      clearable
      clearButtonProps={{ "aria-label": t("Clear") }}
      data={groups.map(({ id, name }) => ({ value: id, label: name }))}
      {...form.getInputProps("group_ids")}
    />
  );
}

function PolicyRadio({ form }: { form: HostFormType }) {
  const t = useText();
  return (
    <Radio.Group label={t("What is kept of what people type")} {...form.getInputProps("input_policy")}>
      <Stack gap="xs" mt="xs">
        {Object.entries(policies).map(([value, { label, meaning }]) => (
          <Radio key={value} value={value} label={t(label)} description={t(meaning)} />
        ))}
      </Stack>
    </Radio.Group>
  );
}
