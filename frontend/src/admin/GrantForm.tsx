import { Alert, Button, Checkbox, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import type { Action, Host, HostGroup, Group as PeopleGroup, User } from "@/api/types";
import { useFormats } from "@/i18n/formats";
import { msg, type Translate, useText } from "@/i18n/text";
import { MomentInput } from "@/shell/MomentInput";
import { FormDrawer } from "./FormDrawer";
import { actionLabels, actions, listActions } from "./grant-words";
import { useChoices, useSave } from "./requests";

const presets: readonly [label: string, hours: number][] = [
  [msg("1 hour"), 1],
  [msg("1 day"), 24],
  [msg("30 days"), 720],
];

interface Values {
  /** `user:1`, `group:2`, `host:<uuid>`, `host_group:<uuid>`: what the server wants as two fields. */
  who: string;
  where: string;
  actions: Action[];
  valid_from: string;
  valid_until: string;
  reason: string;
}

/** What the server says about one of two fields stands at the one menu that sets both. */
const errorPlaces: Record<string, keyof Values> = {
  user_id: "who",
  group_id: "who",
  user: "who",
  group: "who",
  host_id: "where",
  host_group_id: "where",
  host: "where",
  host_group: "where",
};

export function GrantForm({ close }: { close: () => void }) {
  const t = useText();
  const people = usePeople();
  const places = usePlaces();
  const form = useForm<Values>({
    initialValues: { who: "", where: "", actions: [], valid_from: "", valid_until: "", reason: "" },
  });
  const save = useSave("grants/", close);
  const values = form.values;
  const submit = () => {
    const { who, where, ...rest } = form.getValues();
    const [subject, subjectId] = who.split(":");
    const [target, targetId] = where.split(":");
    save.mutate({
      body: {
        [`${subject}_id`]: subject === "user" || subject === "group" ? Number(subjectId) : subjectId,
        [`${target}_id`]: targetId,
        actions: rest.actions,
        reason: rest.reason,
        ...(rest.valid_from && { valid_from: rest.valid_from }),
        ...(rest.valid_until && { valid_until: rest.valid_until }),
      },
    });
  };
  return (
    <FormDrawer
      title={t("New grant")}
      submitLabel={t("Give access")}
      form={form}
      close={close}
      submit={submit}
      isSaving={save.isPending}
      error={save.error}
      errorPlaces={errorPlaces}
    >
      <Select
        label={t("Who")}
        placeholder={t("A person or a group")}
        searchable
        data-autofocus
        data={people.data}
        {...form.getInputProps("who")}
      />
      <Select
        label={t("Where")}
        placeholder={t("A host or a host group")}
        searchable
        data={places.data}
        {...form.getInputProps("where")}
      />
      <Checkbox.Group label={t("May")} {...form.getInputProps("actions")}>
        <Stack gap="xs" mt="xs">
          {actions.map((action) => (
            <Checkbox
              key={action}
              value={action}
              label={t(actionLabels[action].label)}
              description={t(actionLabels[action].meaning)}
            />
          ))}
        </Stack>
      </Checkbox.Group>
      <Period form={form} />
      <TextInput
        label={t("Reason")}
        description={t("People who look at this grant later read it.")}
        {...form.getInputProps("reason")}
      />
      <Effect t={t} values={values} who={people.names.get(values.who)} where={places.names.get(values.where)} />
    </FormDrawer>
  );
}

function usePeople() {
  const t = useText();
  const users = useChoices<User>("users/").filter((user) => user.is_active);
  const groups = useChoices<PeopleGroup>("groups/");
  const userItems = users.map((user) => ({
    value: `user:${user.id}`,
    label: user.full_name ? `${user.name} (${user.full_name})` : user.name,
  }));
  const groupItems = groups.map((group) => ({
    value: `group:${group.id}`,
    label: t("{name} ({count, plural, one {# person} other {# people}})", {
      name: group.name,
      count: group.user_count,
    }),
  }));
  return choices([
    { group: t("People"), items: userItems },
    { group: t("Groups"), items: groupItems },
  ]);
}

function usePlaces() {
  const t = useText();
  const hosts = useChoices<Host>("hosts/");
  const groups = useChoices<HostGroup>("host-groups/");
  const hostItems = hosts.map((host) => ({ value: `host:${host.id}`, label: host.name }));
  const groupItems = groups.map((group) => ({
    value: `host_group:${group.id}`,
    label: t("{name} ({count, plural, one {# host} other {# hosts}})", { name: group.name, count: group.host_count }),
  }));
  return choices([
    { group: t("Hosts"), items: hostItems },
    { group: t("Host groups"), items: groupItems },
  ]);
}

function choices(data: { group: string; items: { value: string; label: string }[] }[]) {
  const names = new Map(data.flatMap(({ items }) => items.map((item) => [item.value, item.label])));
  return { data, names };
}

function Period({ form }: { form: ReturnType<typeof useForm<Values>> }) {
  const t = useText();
  const setEnd = (hours: number) => {
    const start = form.values.valid_from ? Date.parse(form.values.valid_from) : Date.now();
    form.setFieldValue("valid_until", new Date(start + hours * 3600_000).toISOString());
  };
  return (
    <Stack gap="xs">
      <Group grow align="flex-start">
        <MomentInput
          label={t("From")}
          placeholder={t("Now")}
          value={form.values.valid_from}
          error={form.errors.valid_from}
          onChange={(value) => form.setFieldValue("valid_from", value)}
        />
        <MomentInput
          label={t("Until")}
          placeholder={t("No end")}
          value={form.values.valid_until}
          error={form.errors.valid_until}
          onChange={(value) => form.setFieldValue("valid_until", value)}
        />
      </Group>
      <Group gap="xs">
        <Text size="sm" c="dimmed">
          {t("Ends after")}
        </Text>
        {presets.map(([label, hours]) => (
          <Button key={label} size="compact-sm" variant="default" onClick={() => setEnd(hours)}>
            {t(label)}
          </Button>
        ))}
        <Button size="compact-sm" variant="default" onClick={() => form.setFieldValue("valid_until", "")}>
          {t("No end")}
        </Button>
      </Group>
      {form.values.valid_until === "" && (
        <Text size="sm" c="dimmed">
          {t("A grant without an end stays until somebody withdraws it.")}
        </Text>
      )}
    </Stack>
  );
}

interface EffectProps {
  t: Translate;
  values: Values;
  who: string | undefined;
  where: string | undefined;
}

/** The grant as a sentence, before it is given. */
function Effect({ t, values, who, where }: EffectProps) {
  const { exact } = useFormats();
  if (!who || !where || values.actions.length === 0) {
    return null;
  }
  const facts = {
    who,
    where,
    actions: listActions(t, values.actions),
    until: values.valid_until && exact(values.valid_until),
  };
  return (
    <Alert color="brand" title={t("Effect")} role="status">
      {values.valid_until
        ? t("{who} may {actions} on {where} until {until}.", facts)
        : t("{who} may {actions} on {where}, without an end.", facts)}
    </Alert>
  );
}
