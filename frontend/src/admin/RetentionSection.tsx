import { Alert, Button, Group, Menu, NumberInput, Select, Stack, Text, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "@/api/client";
import type { HostGroup, RetentionPolicy, RetentionPreview } from "@/api/types";
import { formatBytes, useFormats } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import { type Column, DataTable, RowName } from "@/shell/DataTable";
import { ErrorAlert, LoadingRows } from "@/shell/Feedback";
import { IdText } from "@/shell/IdText";
import { TimeText } from "@/shell/TimeText";
import { FormDrawer } from "./FormDrawer";
import { useChoices, useRemove, useSave } from "./requests";
import { RowMenu, SectionList } from "./SectionList";

/** After how many days recordings are deleted, and which that would be now. */
export function RetentionSection() {
  const t = useText();
  const [edited, setEdited] = useState<RetentionPolicy | "new">();
  const columns: Column<RetentionPolicy>[] = [
    {
      key: "group",
      header: t("Hosts"),
      narrow: "first",
      render: (policy) => (
        <RowName onClick={() => setEdited(policy)}>{placeOf(policy) ?? t("All other hosts")}</RowName>
      ),
    },
    {
      key: "days",
      header: t("Recordings are deleted after"),
      narrow: "second",
      render: (policy) => t("{count, plural, one {# day} other {# days}}", { count: policy.days }),
    },
    {
      key: "menu",
      header: "",
      width: 50,
      align: "right",
      narrow: "end",
      render: (policy) => <PolicyMenu policy={policy} />,
    },
  ];
  return (
    <Stack gap="xl">
      <div>
        <SectionList<RetentionPolicy>
          path="retention-policies/"
          label={t("Retention policies")}
          newLabel={t("New policy")}
          emptyTitle={t("No retention policy: recordings are kept for ever.")}
          emptyHint={t(
            "A policy deletes recordings when they are old enough. Their seals and the audit log stay, so that each deletion can be told from a loss.",
          )}
          columns={columns}
          open={setEdited}
          create={() => setEdited("new")}
        />
      </div>
      <Preview />
      {edited && <PolicyForm policy={edited === "new" ? undefined : edited} close={() => setEdited(undefined)} />}
    </Stack>
  );
}

function placeOf(policy: RetentionPolicy): string | undefined {
  return policy.host_group?.name;
}

function PolicyMenu({ policy }: { policy: RetentionPolicy }) {
  const t = useText();
  const remove = useRemove();
  const name = placeOf(policy) ?? t("All other hosts");
  return (
    <RowMenu name={name}>
      <Menu.Item
        color="var(--mantine-color-error)"
        onClick={() =>
          remove({
            path: `retention-policies/${policy.id}/`,
            title: t("Remove the policy for {name}?", { name }),
            effect: policy.host_group
              ? t("The policy for all other hosts applies to these hosts then, if there is one.")
              : t("Recordings of hosts without a policy of their own are kept for ever then."),
            confirm: t("Remove policy"),
            done: t("The policy for {name} is removed.", { name }),
          })
        }
      >
        {t("Remove policy")}
      </Menu.Item>
    </RowMenu>
  );
}

/** In the menu of groups: what no group stands for. */
const others = "others";

function PolicyForm({ policy, close }: { policy: RetentionPolicy | undefined; close: () => void }) {
  const t = useText();
  const groups = useChoices<HostGroup>("host-groups/");
  const form = useForm<{ host_group_id: string | null; days: number | string }>({
    initialValues: {
      host_group_id: policy ? (policy.host_group?.id ?? others) : null,
      days: policy?.days ?? "",
    },
  });
  const save = useSave("retention-policies/", close);
  const submit = () => {
    const { host_group_id: group, days } = form.getValues();
    if (group === null) {
      form.setFieldError("host_group_id", t("Choose the hosts that the policy is for."));
      return;
    }
    save.mutate({
      id: policy?.id,
      body: {
        days: days === "" ? null : Number(days),
        ...(!policy && { host_group_id: group === others ? null : group }),
      },
    });
  };
  return (
    <FormDrawer
      title={policy ? t("Policy for {name}", { name: placeOf(policy) ?? t("All other hosts") }) : t("New policy")}
      submitLabel={policy ? t("Save changes") : t("Add policy")}
      form={form}
      close={close}
      submit={submit}
      isSaving={save.isPending}
      error={save.error}
      errorPlaces={errorPlaces}
    >
      <Select
        label={t("Hosts")}
        description={t("A host in several groups keeps its recordings for the longest of their times.")}
        data={[
          { value: others, label: t("All other hosts") },
          ...groups.map(({ id, name }) => ({ value: id, label: name })),
        ]}
        disabled={policy !== undefined}
        searchable
        data-autofocus
        {...form.getInputProps("host_group_id")}
      />
      <NumberInput
        label={t("Days")}
        description={t("Counted from the end of the session.")}
        min={1}
        allowDecimal={false}
        allowNegative={false}
        {...form.getInputProps("days")}
      />
      <Alert color="yellow" title={t("Deleting is final")}>
        {t(
          "The key of a recording is destroyed first, then its content, its text and its commands. Only legal holds keep a recording longer.",
        )}
      </Alert>
    </FormDrawer>
  );
}

const errorPlaces = { host_group: "host_group_id" };

/** What the policies would delete if they were applied at this moment. */
function Preview() {
  const t = useText();
  const preview = useQuery({
    queryKey: ["retention/preview"],
    queryFn: ({ signal }) => api.get<RetentionPreview>("retention/preview", {}, signal),
  });
  return (
    <Stack gap="sm" component="section" aria-label={t("What would be deleted now")}>
      <Group justify="space-between">
        <Title order={2}>{t("What would be deleted now")}</Title>
        <Button size="xs" variant="default" loading={preview.isFetching} onClick={() => void preview.refetch()}>
          {t("Look again")}
        </Button>
      </Group>
      {preview.isError && (
        <ErrorAlert error={preview.error} title={t("It could not be found out what would be deleted.")} />
      )}
      {preview.isPending && <LoadingRows rows={3} />}
      {preview.data && <PreviewTable preview={preview.data} />}
    </Stack>
  );
}

type Doomed = RetentionPreview["sessions"][number];

function PreviewTable({ preview }: { preview: RetentionPreview }) {
  const t = useText();
  const { exact } = useFormats();
  const { count, bytes, oldest, held, sessions } = preview;
  const heldWords =
    held > 0 &&
    t("{count, plural, one {# more is kept by a legal hold alone.} other {# more are kept by legal holds alone.}}", {
      count: held,
    });
  if (count === 0) {
    return (
      <Text size="sm">
        {t("Nothing: no recording is older than its policy allows.")} {heldWords}
      </Text>
    );
  }
  const columns: Column<Doomed>[] = [
    {
      key: "who",
      header: t("Person"),
      narrow: "first",
      render: ({ id, user }) => (
        <Link to="/sessions/$id" params={{ id }} style={{ color: "inherit", fontWeight: 600 }}>
          {user}
        </Link>
      ),
    },
    { key: "host", header: t("Host"), narrow: "first", render: ({ host }) => host },
    {
      key: "ended",
      header: t("Ended"),
      narrow: "second",
      render: ({ ended_at: ended }) => <TimeText at={ended} relative />,
    },
    {
      key: "id",
      header: t("Id"),
      width: 100,
      from: "sm",
      render: ({ id }) => <IdText id={id} path={`/sessions/${id}`} />,
    },
  ];
  return (
    <>
      <Text size="sm">
        {t("{count, plural, one {# recording} other {# recordings}}, {size} in all. The oldest ended {at}.", {
          count,
          size: formatBytes(bytes),
          at: oldest ? exact(oldest) : "–",
        })}{" "}
        {heldWords}
      </Text>
      <DataTable label={t("What would be deleted now")} columns={columns} rows={sessions} rowKey={({ id }) => id} />
      {sessions.length < count && (
        <Text size="sm" c="dimmed">
          {t("The first {shown} are shown.", { shown: sessions.length })}
        </Text>
      )}
    </>
  );
}
